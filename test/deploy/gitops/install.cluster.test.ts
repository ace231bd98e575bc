import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import * as z from 'zod/mini';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { chart, helm, type Manifest, manifestsIn, root } from '../helm/chart.ts';

const lab = await sharedLab();
const namespace = 'gitops-install';

const sample = (name: string): readonly Manifest[] =>
  manifestsIn(readFileSync(join(root, 'deploy/gitops/install', name), 'utf8'));
const version = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));

/** The chart with these values, as a controller renders it: with its hooks, for this namespace. */
const renderedWith = async (values: unknown): Promise<readonly Manifest[]> => {
  const sets = Object.entries(z.record(z.string(), z.unknown()).parse(values)).flatMap(([name, value]) => [
    '--set-json',
    `${name}=${JSON.stringify(value)}`,
  ]);
  const { code, stdout, stderr } = await helm(lab, 'template', 'imagecache-functions', chart, '-n', namespace, ...sets);
  if (code !== 0) throw new Error(stderr);
  return manifestsIn(stdout);
};

const isHook = ({ metadata }: Manifest): boolean => 'helm.sh/hook' in (metadata.annotations ?? {});
const asYaml = (objects: readonly Manifest[]): string => objects.map((object) => stringify(object)).join('---\n');

const Application = z.object({
  spec: z.object({
    source: z.object({ targetRevision: z.string(), helm: z.object({ valuesObject: z.unknown() }) }),
    syncPolicy: z.object({ syncOptions: z.array(z.string()) }),
  }),
});
const HelmRelease = z.object({ kind: z.literal('HelmRelease'), spec: z.object({ values: z.unknown() }) });

describe('the Application for Argo CD', () => {
  const application = Application.parse(sample('argocd-application.yaml')[0]);
  /** Argo CD applies server-side under this name, and leaves Leases out of what it applies and compares. */
  const manager = '--field-manager=argocd-controller';
  const sync = async (objects: readonly Manifest[]): Promise<void> => {
    const args = ['apply', '--server-side', '--force-conflicts', manager, '-n', namespace, '-f', '-'];
    const { code, stderr } = await lab.kubectlWith(asYaml(objects), ...args);
    if (code !== 0) throw new Error(stderr);
  };
  const difference = async (objects: readonly Manifest[]): Promise<string> => {
    const args = ['diff', '--server-side', '--force-conflicts', manager, '-n', namespace, '-f', '-'];
    const { code, stdout, stderr } = await lab.kubectlWith(asYaml(objects), ...args);
    return code > 1 ? stderr : stdout;
  };
  let objects: readonly Manifest[];

  beforeAll(async () => {
    await lab.kubectl('create', 'namespace', namespace);
    const all = await renderedWith(application.spec.source.helm.valuesObject);
    objects = all.filter((object) => !isHook(object) && object.kind !== 'Lease');
  });
  afterAll(async () => {
    await lab.kubectlWith(asYaml(objects), 'delete', '-n', namespace, '--wait=false', '-f', '-');
    await lab.ask('delete', 'namespace', namespace, '--wait=false');
  });

  it('names the version of this chart', () => {
    expect(application.spec.source.targetRevision).toBe(version.version);
  });

  it('finds no difference after a sync, so that ignoreDifferences is not needed', async () => {
    expect(application.spec.syncPolicy.syncOptions).toContain('ServerSideApply=true');
    await sync(objects);
    expect(await difference(objects)).toBe('');
  });

  it('returns to the earlier objects when a change of values is rolled back', async () => {
    const changed = await renderedWith({ controllerReplicaCount: 3, 'args.controllerLogLevel': 'WARNING' });
    const later = changed.filter((object) => !isHook(object) && object.kind !== 'Lease');
    await sync(later);
    expect(await difference(objects)).not.toBe('');
    await sync(objects);
    expect(await difference(objects)).toBe('');
  });
});

describe('the HelmRelease for Flux', () => {
  it('has values that the chart accepts', async () => {
    const [, release] = sample('flux-helmrelease.yaml');
    expect(await renderedWith(HelmRelease.parse(release).spec.values)).not.toEqual([]);
  });
});
