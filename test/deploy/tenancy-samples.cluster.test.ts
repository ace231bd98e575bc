import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sharedLab } from '../cluster/shared-lab.ts';

const lab = await sharedLab();
const root = join(import.meta.dirname, '../..');
const sample = join(root, 'deploy/samples/tenancy-team.yaml');
const namespace = 'team-a';

const cache = (name: string) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name, namespace },
  spec: { cacheSpec: [{ images: ['registry.example.com/team-a/app:1'], nodeSelector: { pool: 'team-a' } }] },
});

describe('the sample for a team', () => {
  beforeAll(async () => {
    await lab.ask('apply', '--server-side', '--force-conflicts', '-f', join(root, 'crds/imagecache.yaml'));
    await lab.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    await lab.ask('apply', '-n', namespace, '-f', sample);
    const used = () => lab.ask('get', 'quota', 'imagecaches', '-n', namespace, '-o', 'jsonpath={.status.used}');
    // The quota controller discovers new kinds twice a minute, and evaluates a quota when it is created.
    await vi.waitFor(
      async () => {
        await lab.ask('delete', 'quota', 'imagecaches', '-n', namespace, '--ignore-not-found');
        await lab.ask('apply', '-n', namespace, '-f', sample);
        await vi.waitFor(async () => expect(await used()).toContain('count/imagecaches.kubefledged.io'));
      },
      { timeout: 120_000, interval: 2000 },
    );
  });
  afterAll(async () => {
    await lab.ask('delete', 'namespace', namespace, '--wait=false');
  });

  it('limits a team to five ImageCaches', async () => {
    const hard = () => lab.ask('get', 'quota', 'imagecaches', '-n', namespace, '-o', 'jsonpath={.status.hard}');
    await vi.waitFor(async () => expect(await hard()).toContain('"count/imagecaches.kubefledged.io":"5"'), {
      timeout: 30_000,
    });
    for (const each of [1, 2, 3, 4, 5]) await lab.apply(cache(`cache-${each}`));
    const sixth = await lab.kubectlWith(JSON.stringify(cache('cache-6')), 'create', '--dry-run=server', '-f', '-');
    expect(sixth.stderr).toContain('exceeded quota: imagecaches');
  });
});
