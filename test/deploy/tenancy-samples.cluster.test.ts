import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sharedLab } from '../cluster/shared-lab.ts';

const lab = await sharedLab();
const root = join(import.meta.dirname, '../..');
const sample = (name: string) => join(root, 'deploy/samples', name);
const namespace = 'team-a';

const trying = (spec: object, into = namespace) =>
  lab.kubectlWith(
    JSON.stringify({ apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata: { name: 'tried' }, spec }),
    ...['create', '--dry-run=server', '-o', 'name', '-n', into, '-f', '-'],
  );

const own = 'registry.example.com/team-a/app:1';
const list = (images: readonly string[], nodeSelector: object = { pool: 'team-a' }) => ({
  cacheSpec: [{ images, nodeSelector }],
});

describe('the samples for tenants', () => {
  beforeAll(async () => {
    await lab.ask('apply', '--server-side', '--force-conflicts', '-f', join(root, 'crds/imagecache.yaml'));
    await lab.apply({
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { 'imagecache-tenant': 'true' } },
    });
    await lab.ask('apply', '-n', namespace, '-f', sample('tenancy-team.yaml'));
    await lab.ask('apply', '-f', sample('tenancy-policy.yaml'));
    const denied = async () => expect((await trying(list(['nginx:1']))).stderr).toContain('denied request');
    await vi.waitFor(denied, { timeout: 30_000, interval: 200 });
    const used = () => lab.ask('get', 'quota', 'imagecaches', '-n', namespace, '-o', 'jsonpath={.status.used}');
    // The quota controller discovers new kinds twice a minute, and evaluates a quota when it is created.
    await vi.waitFor(
      async () => {
        await lab.ask('delete', 'quota', 'imagecaches', '-n', namespace, '--ignore-not-found');
        await lab.ask('apply', '-n', namespace, '-f', sample('tenancy-team.yaml'));
        await vi.waitFor(async () => expect(await used()).toContain('count/imagecaches.kubefledged.io'));
      },
      { timeout: 120_000, interval: 2000 },
    );
  });
  afterAll(async () => {
    await lab.ask('delete', '-f', sample('tenancy-policy.yaml'));
    await lab.ask('delete', 'namespace', namespace, '--wait=false');
  });

  it.each([
    ['images of another registry', list([own, 'nginx:1']), 'images: must be in registry.example.com/team-a/'],
    ['images of another team', list(['registry.example.com/team-b/app:1']), 'images: must be in'],
    [
      'more than 20 images',
      { cacheSpec: [...list(many(15)).cacheSpec, ...list(many(6)).cacheSpec] },
      'images: at most 20 per ImageCache',
    ],
    ['all nodes', list([own], {}), 'nodeSelector: each list must have the label pool: team-a'],
    ['nodes of another team', list([own], { pool: 'team-b' }), 'must have the label pool: team-a'],
  ])('reject %s', async (_, spec, message) => {
    expect((await trying(spec)).stderr).toContain(message);
  });

  it('accept images of the team, and do not restrict other namespaces', async () => {
    expect((await trying(list([own]))).stderr).toBe('');
    expect((await trying(list(['nginx:1'], {}), 'default')).stderr).toBe('');
  });

  it('have no type checking warnings', async () => {
    const types = () =>
      lab.ask('get', 'validatingadmissionpolicy', 'imagecache-tenants', '-o', 'jsonpath={.status.typeChecking}');
    await vi.waitFor(async () => expect(await types()).toBe('{}'), { timeout: 30_000, interval: 500 });
  });

  it('limit a team to five ImageCaches', async () => {
    const hard = () => lab.ask('get', 'quota', 'imagecaches', '-n', namespace, '-o', 'jsonpath={.status.hard}');
    await vi.waitFor(async () => expect(await hard()).toContain('"count/imagecaches.kubefledged.io":"5"'), {
      timeout: 30_000,
    });
    for (const each of [1, 2, 3, 4, 5])
      await lab.apply({
        apiVersion: 'kubefledged.io/v1alpha2',
        kind: 'ImageCache',
        metadata: { name: `cache-${each}`, namespace },
        spec: list([own]),
      });
    expect((await trying(list([own]))).stderr).toContain('exceeded quota: imagecaches');
  });
});

function many(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => own.replace('app', `app-${index}`));
}
