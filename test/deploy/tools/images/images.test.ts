import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Blob, layer, ociArchive, sha256, tar } from '../../../../deploy/tools/images/oci.ts';
import { addressOf, basicIn, credentialsFor, push, repositoryAt } from '../../../../deploy/tools/images/registry.ts';
import { hostArchitecture, verifyNode } from '../../../../deploy/tools/images/runtime/node-runtime.ts';
import { noopImage } from '../../../../deploy/tools/images/make-images.ts';
import { readOptions } from '../../../../deploy/tools/images/options.ts';
import { type Asks, testRegistry, type TestRegistry } from './images-registry.ts';

const root = join(import.meta.dirname, '../../../..');

const contentsOf = async (archive: Buffer) => {
  const found: { name: string; mode: number; type: string; mtime: number }[] = [];
  const reader = extract();
  reader.end(archive);
  for await (const entry of reader) {
    const { name, mode, type, mtime } = entry.header;
    found.push({ name, mode, type, mtime: mtime.getTime() });
    entry.resume();
  }
  return found;
};

const json = ({ bytes }: Blob): unknown => JSON.parse(bytes.toString());

describe('tar', () => {
  it('holds the entries and their folders, sorted and without a date', async () => {
    const file = { mode: 0o755, content: Buffer.from('x') };
    const archive = await tar([
      { path: 'b/c/d', ...file },
      { path: 'tmp', mode: 0o1777 },
      { path: 'a', ...file },
    ]);
    expect(await contentsOf(archive)).toEqual([
      { name: 'a', mode: 0o755, type: 'file', mtime: 0 },
      { name: 'b/', mode: 0o755, type: 'directory', mtime: 0 },
      { name: 'b/c/', mode: 0o755, type: 'directory', mtime: 0 },
      { name: 'b/c/d', mode: 0o755, type: 'file', mtime: 0 },
      { name: 'tmp/', mode: 0o1777, type: 'directory', mtime: 0 },
    ]);
  });
});

describe('layer', () => {
  const entries = ['a', 'b', 'c/d'].map((path) => ({ path, mode: 0o644, content: Buffer.from(path.repeat(1000)) }));

  it('does not depend on order and time', async () => {
    const [first, second] = [await layer(entries), await layer(entries.toReversed())];
    expect(second).toEqual(first);
  });

  it('differs with a content or a mode', async () => {
    const digests = await Promise.all(
      [entries, entries.slice(1), entries.map((entry) => ({ ...entry, mode: 0o600 }))].map(
        async (each) => (await layer(each)).blob.descriptor.digest,
      ),
    );
    expect(new Set(digests).size).toBe(3);
  });

  it('has the digest of its uncompressed bytes, and no operating system', async () => {
    const { blob, diffId } = await layer(entries);
    expect(sha256(gunzipSync(blob.bytes))).toBe(diffId);
    expect(blob.descriptor).toEqual({
      mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
      digest: sha256(blob.bytes),
      size: blob.bytes.length,
    });
    expect([...blob.bytes.subarray(4, 10)]).toEqual([0, 0, 0, 0, 0, 255]);
  });
});

describe('the noop image', () => {
  it('is an index of two small images that start the program as nonroot', async () => {
    const { root: index, manifests, blobs } = await noopImage();
    expect(json(index)).toMatchObject({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        { platform: { os: 'linux', architecture: 'amd64' } },
        { platform: { os: 'linux', architecture: 'arm64' } },
      ],
    });
    const configs = blobs.filter(({ descriptor }) => descriptor.mediaType.includes('config')).map(json);
    const container = { User: '65532:65532', Entrypoint: ['/noop'] };
    expect(configs).toMatchObject([
      { architecture: 'amd64', os: 'linux', config: container, rootfs: { type: 'layers' } },
      { architecture: 'arm64', os: 'linux', config: container, rootfs: { type: 'layers' } },
    ]);
    expect([...manifests, ...blobs].reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThan(20_000);
  });

  it('has one file: the committed program', async () => {
    const { blobs } = await noopImage();
    const [program] = blobs;
    expect(await contentsOf(gunzipSync(program?.bytes ?? Buffer.alloc(0)))).toEqual([
      { name: 'noop', mode: 0o755, type: 'file', mtime: 0 },
    ]);
    expect(
      gunzipSync(program?.bytes ?? Buffer.alloc(0)).includes(readFileSync(join(root, 'deploy/noop/noop-amd64'))),
    ).toBe(true);
  });
});

describe('ociArchive', () => {
  it('is an image layout with references for containerd and for others', async () => {
    const artifact = await noopImage();
    const archive = await ociArchive([{ reference: 'r/x:1', artifact }]);
    const names = (await contentsOf(archive)).map((entry) => entry.name);
    const blobs = [...artifact.blobs, ...artifact.manifests].map(
      ({ descriptor }) => `blobs/${descriptor.digest.replace(':', '/')}`,
    );
    expect(names).toEqual(['blobs/', 'blobs/sha256/', ...blobs.toSorted(), 'index.json', 'oci-layout']);
    expect(archive.toString()).toContain('{"imageLayoutVersion":"1.0.0"}');
    expect(archive.toString()).toContain(
      '"annotations":{"org.opencontainers.image.ref.name":"r/x:1","io.containerd.image.name":"r/x:1"}',
    );
  });
});

describe('addressOf', () => {
  it.each([
    { repository: 'ghcr.io/me/x', isInsecure: false, address: { origin: 'https://ghcr.io', path: 'me/x' } },
    {
      repository: 'docker.io/me/x',
      isInsecure: false,
      address: { origin: 'https://registry-1.docker.io', path: 'me/x' },
    },
    { repository: 'localhost:5000/x', isInsecure: false, address: { origin: 'http://localhost:5000', path: 'x' } },
    { repository: '172.30.0.1:5000/x', isInsecure: false, address: { origin: 'http://172.30.0.1:5000', path: 'x' } },
    { repository: '172.30.0.10:5000/x', isInsecure: false, address: { origin: 'https://172.30.0.10:5000', path: 'x' } },
    { repository: 'registry.lan/x', isInsecure: true, address: { origin: 'http://registry.lan', path: 'x' } },
  ])('$repository (insecure: $isInsecure) is at $address.origin', ({ repository, isInsecure, address }) => {
    expect(addressOf(repository, isInsecure)).toEqual(address);
  });
});

describe('push', () => {
  let registry: TestRegistry | undefined;
  afterEach(() => registry?.close());

  const pushTo = async (asks: Asks, basic: string | undefined) => {
    registry = await testRegistry(asks);
    const artifact = await noopImage();
    const repository = repositoryAt(addressOf(`${registry.host}/me/x`, false), basic);
    return { registry, artifact, repeat: () => push(repository, artifact, '1.0') };
  };
  const up = Buffer.from('u:p').toString('base64');

  it.each([
    { asks: 'nothing' as const, basic: undefined },
    { asks: 'basic' as const, basic: up },
    { asks: 'bearer' as const, basic: up },
  ])('pushes everything if the registry asks for $asks, the tag last', async ({ asks, basic }) => {
    const { registry: there, artifact, repeat } = await pushTo(asks, basic);
    await repeat();
    for (const { descriptor, bytes } of artifact.blobs)
      expect(there.stored.get(`blobs/${descriptor.digest}`)?.bytes).toEqual(bytes);
    expect(there.stored.get('manifests/1.0')).toEqual({
      type: artifact.root.descriptor.mediaType,
      bytes: artifact.root.bytes,
    });
    expect(there.requests.at(-1)).toBe('PUT /v2/me/x/manifests/1.0');
  });

  it('skips blobs that the registry has', async () => {
    const { registry: there, repeat } = await pushTo('nothing', undefined);
    await repeat();
    there.requests.length = 0;
    await repeat();
    expect(there.requests.filter((request) => request.startsWith('POST') || request.includes('uploads'))).toEqual([]);
  });

  it.each(['basic', 'bearer'] as const)(
    'reports the status if the registry asks for %s and there are no credentials',
    async (asks) => {
      const { repeat } = await pushTo(asks, undefined);
      await expect(repeat()).rejects.toThrow('401');
    },
  );
});

describe('credentials', () => {
  let home = '';
  beforeEach(() => void (home = mkdtempSync(join(tmpdir(), 'docker-'))));
  afterEach(() => rmSync(home, { recursive: true }));
  const config = {
    auths: { 'ghcr.io': { auth: 'Zw==' }, 'https://index.docker.io/v1/': { auth: 'ZA==' }, 'empty.io': {} },
  };

  it.each([
    { host: 'ghcr.io', basic: 'Zw==' },
    { host: 'docker.io', basic: 'ZA==' },
    { host: 'empty.io', basic: undefined },
    { host: 'other.io', basic: undefined },
  ])('of docker login for $host are $basic', ({ host, basic }) => expect(basicIn(config, host)).toBe(basic));

  it('are read from the environment, then from the file, and are optional', async () => {
    const environment = { DOCKER_CONFIG: home };
    expect(await credentialsFor('ghcr.io', environment)).toBeUndefined();
    writeFileSync(join(home, 'config.json'), JSON.stringify(config));
    expect(await credentialsFor('ghcr.io', environment)).toBe('Zw==');
    const named = { ...environment, REGISTRY_USER: 'u', REGISTRY_PASSWORD: 'p' };
    expect(await credentialsFor('ghcr.io', named)).toBe(Buffer.from('u:p').toString('base64'));
  });

  it('in an invalid file are an error with its path', async () => {
    writeFileSync(join(home, 'config.json'), '{');
    await expect(credentialsFor('ghcr.io', { DOCKER_CONFIG: home })).rejects.toThrow(join(home, 'config.json'));
  });
});

describe('Node of the functions image', () => {
  const installed = join(root, 'node_modules/node/bin/node');

  it('is the one whose digest is checked in', async () => {
    await expect(verifyNode(installed, hostArchitecture())).resolves.toBeUndefined();
  });

  it('is refused if it is another program, with both digests', async () => {
    const other = join(root, 'deploy/noop/noop-amd64');
    for (const architecture of ['amd64', 'arm64'] as const)
      await expect(verifyNode(other, architecture)).rejects.toThrow(
        /noop-amd64 is not node-linux-\w+@[\d.]+\/bin\/node of INPUTS-SHA256SUMS: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}$/,
      );
  });
});

describe('readOptions', () => {
  it('has defaults', () => {
    expect(readOptions(['ghcr.io/me/'])).toEqual({
      registry: 'ghcr.io/me',
      output: undefined,
      only: undefined,
      architectures: undefined,
      isInsecure: false,
    });
    expect(readOptions(['--output', 'x.tar', '--only', 'noop'])).toMatchObject({
      registry: 'localhost',
      output: 'x.tar',
      only: 'noop',
    });
    expect(readOptions(['a', '--platform', 'linux/amd64,linux/arm64']).architectures).toEqual(['amd64', 'arm64']);
  });

  it.each([
    { args: [], says: 'name a registry' },
    { args: ['a', 'b'], says: 'not also b' },
    { args: ['https://ghcr.io'], says: 'without https://' },
    { args: ['a', '--only', 'all'], says: 'functions or noop, not all' },
    { args: ['a', '--platform', 'linux/riscv64'], says: 'not linux/riscv64' },
    { args: ['a', '--nonsense'], says: '--nonsense' },
  ])('refuses $args', ({ args, says }) => expect(() => readOptions(args)).toThrow(says));
});

describe('npm run images', () => {
  const images = (...args: readonly string[]) =>
    promisify(execFile)('node', [join(root, 'deploy/tools/images/main.ts'), ...args], { cwd: root });

  it('prints the reference with its digest, and writes an archive that holds it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'images-'));
    const { stdout } = await images('r.example/me', '--only', 'noop', '--output', join(folder, 'noop.tar'));
    const digest = (await noopImage()).root.descriptor.digest;
    expect(stdout).toMatch(/^r\.example\/me\/imagecache-noop:\d+\.\d+\.\d+@sha256:[0-9a-f]{64}\n$/);
    expect(stdout).toContain(digest);
    expect(readFileSync(join(folder, 'noop.tar')).toString()).toContain(digest);
    rmSync(folder, { recursive: true });
  });

  it('reports why it could not push, and its usage for invalid options', async () => {
    const closed = await testRegistry('nothing');
    closed.close();
    const saying = (part: string): unknown => expect.stringContaining(part);
    await expect(images(closed.host, '--only', 'noop')).rejects.toMatchObject({
      code: 1,
      stderr: saying('ECONNREFUSED'),
    });
    await expect(images()).rejects.toMatchObject({ code: 2, stderr: saying('usage: npm run images') });
  });
});
