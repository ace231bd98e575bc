import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createPoster } from '../../../sources/sink/http-sink.ts';
import { trustBundles } from '../../../sources/sink/configured-sink.ts';

const tls = join(import.meta.dirname, '../tls');
const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A projected volume as a kubelet writes it: the files are links into a folder of their version. */
async function mounted(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bundles-'));
  folders.push(folder);
  await mkdir(join(folder, '..2026_11_24'));
  await symlink('..2026_11_24', join(folder, '..data'));
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, '..2026_11_24', name), text);
    await symlink(`..data/${name}`, join(folder, name));
  }
  return folder;
}

describe('the CA certificates that a SinkBinding mounts', () => {
  it('are read from all files, each once', async () => {
    const pem = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}`;
    const folder = await mounted({ 'b.crt': `${pem('B')}\n`, 'a.pem': pem('A'), 'note.txt': 'no' });
    expect(trustBundles(folder)).toBe(`${pem('A')}\n${pem('B')}`);
  });

  it('are empty when nothing is mounted', () => {
    expect(trustBundles('/nowhere')).toBe('');
  });

  it('are all trusted when one file holds several', async () => {
    const pem = await readFile(join(tls, 'certificate.pem'), 'utf8');
    const server = createServer({ cert: pem, key: await readFile(join(tls, 'key.pem')) }, (_, response) =>
      response.writeHead(202).end(),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const url = new URL(`https://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`);
    const caCertificates = trustBundles(await mounted({ 'a.pem': pem, 'b.pem': pem }));
    const message = { headers: {}, body: '', signal: new AbortController().signal };
    try {
      await expect(createPoster({ timeout: 5000, caCertificates })(url, message)).resolves.toMatchObject({
        status: 202,
      });
      await expect(createPoster({ timeout: 5000 })(url, message)).rejects.toThrow(/certificate/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});
