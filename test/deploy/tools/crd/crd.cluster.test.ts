import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../../cluster/run.ts';
import { sharedLab } from '../../../cluster/shared-lab.ts';

const lab = await sharedLab();
const root = join(import.meta.dirname, '../../../..');
const crd = join(root, 'crds/imagecache.yaml');

const program = (...args: readonly string[]) =>
  run('node', [join(root, 'deploy/tools/crd/main.ts'), ...args, `--kubeconfig=${lab.kubeconfig}`]);

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'crd-'))));
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await lab.ask('delete', 'namespace', 'crd-release', '--ignore-not-found', '--wait=false');
  await lab.ask('apply', '--server-side', '--force-conflicts', '-f', crd);
});

describe('crd apply', () => {
  it('creates the CRD, and waits until it is served', async () => {
    await lab.ask('delete', 'crd', 'imagecaches.kubefledged.io', '--ignore-not-found');
    expect(await program('apply', crd)).toEqual({
      code: 0,
      stdout: 'imagecaches.kubefledged.io applied\n',
      stderr: '',
    });
    expect(await lab.ask('get', 'imagecaches', '-A')).toBe('');
  });

  it('takes over an existing CRD, and changes nothing the second time', async () => {
    const column =
      '{"spec":{"versions":[{"name":"v1alpha2","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}}';
    await lab.ask('patch', 'crd', 'imagecaches.kubefledged.io', '--type=merge', '--field-manager=helm', '-p', column);
    expect((await program('apply', crd)).code).toBe(0);
    const generation = () =>
      lab.ask('get', 'crd', 'imagecaches.kubefledged.io', '-o', 'jsonpath={.metadata.generation}');
    const columns = 'jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}';
    expect(await lab.ask('get', 'crd', 'imagecaches.kubefledged.io', '-o', columns)).toContain(
      'Status Nodes Failing Failed',
    );
    const before = await generation();
    expect((await program('apply', crd)).code).toBe(0);
    expect(await generation()).toBe(before);
  });

  it.each([
    ['that is not there', 'none.yaml', undefined, /none\.yaml cannot be read: ENOENT/],
    ['that is no YAML', 'broken.yaml', 'a: [', /broken\.yaml cannot be read: /],
    [
      'of another CRD',
      'other.yaml',
      'metadata: {name: others.example.com}',
      /is not the CRD imagecaches\.kubefledged\.io/,
    ],
  ])('rejects a file %s', async (_, name, content, message) => {
    if (content !== undefined) writeFileSync(join(folder, name), content);
    const { code, stderr } = await program('apply', join(folder, name));
    expect(stderr).toMatch(message);
    expect(code).toBe(1);
  });

  it('prints its usage', async () => {
    expect((await program('destroy')).stderr).toMatch(/^usage: crd apply FILE/);
  });
});

describe('crd release', () => {
  const cache = (name: string, finalizers: readonly string[]) => ({
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata: { name, namespace: 'crd-release', finalizers },
    spec: { cacheSpec: [{ images: ['app:1'] }] },
  });

  it('takes our finalizer from every ImageCache, and leaves those of others', async () => {
    await lab.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'crd-release' } });
    await lab.apply(cache('plain', []));
    await lab.apply(cache('ours', ['kubefledged.io/purge']));
    await lab.apply(cache('both', ['example.com/other', 'kubefledged.io/purge']));
    await lab.ask('delete', 'imagecache', 'ours', '-n', 'crd-release', '--wait=false');
    const { code, stdout } = await program('release');
    expect(stdout).toMatch(/^2 of \d+ ImageCaches released\n$/);
    expect(code).toBe(0);
    const left = 'jsonpath={range .items[*]}{.metadata.name}={.metadata.finalizers} {end}';
    expect(await lab.ask('get', 'imagecaches', '-n', 'crd-release', '-o', left)).toBe(
      'both=["example.com/other"] plain= ',
    );
    await lab.ask(
      'patch',
      'imagecache',
      'both',
      '-n',
      'crd-release',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":[]}}',
    );
  });

  it('has nothing to do on a cluster without the CRD', async () => {
    await lab.ask('delete', 'crd', 'imagecaches.kubefledged.io');
    expect(await program('release')).toEqual({ code: 0, stdout: '0 of 0 ImageCaches released\n', stderr: '' });
  });
});
