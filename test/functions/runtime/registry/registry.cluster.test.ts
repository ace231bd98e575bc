import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { keyringOf } from '../../../../functions/runtime/registry/keyring.ts';
import { createRegistry, type Registry } from '../../../../functions/runtime/registry/registry.ts';
import { labSettings } from '../../../cluster/lab-script.ts';

const folder = mkdtempSync(join(tmpdir(), 'imagecache-functions-registry-'));
const authorization = { authorization: `Basic ${Buffer.from('u:p').toString('base64')}` };
const secretFor = (host: string, password: string) =>
  keyringOf([JSON.stringify({ auths: { [host]: { auth: Buffer.from(`u:${password}`).toString('base64') } } })]);
const digestOf = (bytes: string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });

/** Of the password p, as `htpasswd -B` makes it. */
const passwords = 'u:$2b$05$abcdefghijklmnopqrstuuqwWMzKt5N8p.u2GX5MuH1t19BMWuLOW\n';

const start = async (name: 'open' | 'private'): Promise<{ host: string; process: ChildProcess }> => {
  const host = `127.0.0.1:${await freePort()}`;
  const [config, htpasswd] = [join(folder, `${name}.yml`), join(folder, 'htpasswd')];
  writeFileSync(htpasswd, passwords);
  const storage = { filesystem: { rootdirectory: join(folder, name) }, delete: { enabled: true } };
  const auth = name === 'private' ? { auth: { htpasswd: { realm: 'test', path: htpasswd } } } : {};
  writeFileSync(
    config,
    JSON.stringify({ version: 0.1, log: { level: 'error' }, storage, http: { addr: host }, ...auth }),
  );
  const { env } = await labSettings(inject('lab'));
  const process = spawn('registry', ['serve', config], { env, stdio: 'ignore' });
  for (let tries = 0; tries < 100; tries += 1) {
    const isUp = await fetch(`http://${host}/v2/`).then(
      () => true,
      () => false,
    );
    if (isUp) return { host, process };
    await pause(100);
  }
  throw new Error(`the registry on ${host} did not start`);
};

/** Puts a manifest without layers there, and answers with its digest. */
const push = async (host: string, tag: string, text: string): Promise<string> => {
  const config = JSON.stringify({ text });
  const begun = await fetch(`http://${host}/v2/team/app/blobs/uploads/`, { method: 'POST', headers: authorization });
  const upload = new URL(begun.headers.get('location') ?? '', `http://${host}`);
  upload.searchParams.set('digest', digestOf(config));
  await fetch(upload, { method: 'PUT', headers: authorization, body: config });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const described = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    digest: digestOf(config),
    size: config.length,
  };
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType, config: described, layers: [] });
  const headers = { ...authorization, 'content-type': mediaType };
  const put = await fetch(`http://${host}/v2/team/app/manifests/${tag}`, { method: 'PUT', headers, body: manifest });
  expect(put.status).toBe(201);
  return digestOf(manifest);
};

const running: ChildProcess[] = [];
let hosts: Readonly<Record<'open' | 'private', string>>;
let registry: Registry;
beforeAll(async () => {
  const [open, guarded] = [await start('open'), await start('private')];
  running.push(open.process, guarded.process);
  hosts = { open: open.host, private: guarded.host };
  registry = createRegistry({ mirrors: {}, certificates: '', insecure: Object.values(hosts) });
});
afterAll(() => {
  registry.close();
  for (const each of running) each.kill();
  rmSync(folder, { recursive: true, force: true });
});

describe('the distribution registry', () => {
  it('returns the digest of a tag, and the new one when the tag has moved', async () => {
    const first = await push(hosts.open, 'latest', 'first');
    expect(await registry.digest(`${hosts.open}/team/app`)).toEqual({ type: 'digest', digest: first });
    const second = await push(hosts.open, 'latest', 'second');
    expect(second).not.toBe(first);
    expect(await registry.digest(`${hosts.open}/team/app`)).toEqual({ type: 'digest', digest: second });
  });

  it('reports that a tag or a repository is absent', async () => {
    await push(hosts.open, 'latest', 'first');
    expect(await registry.digest(`${hosts.open}/team/app:none`)).toEqual({ type: 'absent' });
    expect(await registry.digest(`${hosts.open}/none`)).toEqual({ type: 'absent' });
  });

  it('returns a digest only with the password', async () => {
    const digest = await push(hosts.private, 'v1', 'private');
    const reference = `${hosts.private}/team/app:v1`;
    const refused = { type: 'unknown', reason: `${hosts.private} answered 401 Unauthorized`, isDenied: true };
    expect(await registry.digest(reference)).toEqual(refused);
    expect(await registry.digest(reference, secretFor(hosts.private, 'wrong'))).toEqual(refused);
    expect(await registry.digest(reference, secretFor(hosts.open, 'p'))).toEqual(refused);
    expect(await registry.digest(reference, secretFor(hosts.private, 'p'))).toEqual({ type: 'digest', digest });
    expect(await registry.digest(reference)).toEqual(refused);
  });
});
