import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionNames } from '#model/cache/cloud-event.ts';
import { deployedName } from '../interop/deployed-name.ts';
import { sharedLab } from '../cluster/shared-lab.ts';

const lab = await sharedLab();
const root = join(import.meta.dirname, '../..');
const folder = join(root, 'deploy/knative/functions');
const files = ['-n', 'kube-fledged', '-f', join(folder, 'rights.yaml')];

const may = async (name: string, verb: string, resource: string): Promise<string> => {
  const as = `--as=system:serviceaccount:kube-fledged:${name}`;
  return (await lab.kubectl('auth', 'can-i', verb, resource, '-n', 'default', as)).stdout.trim();
};

describe('the rights of the functions on Knative', () => {
  beforeAll(async () => {
    await lab.ask('apply', '--server-side', '-f', join(root, 'crds/imagecache.yaml'));
    await lab.ask('apply', '-f', join(folder, 'namespace.yaml'));
    await lab.ask('apply', ...files);
  });
  afterAll(() => lab.ask('delete', ...files, '--wait=false'));

  it.each(functionNames.map(deployedName))('allow %s to run a round, and nothing else', async (name) => {
    const allowed = [
      ['get', 'imagecaches.kubefledged.io'],
      ['patch', 'imagecaches.kubefledged.io'],
      ['patch', 'imagecaches.kubefledged.io/status'],
      ['create', 'jobs.batch'],
      ['delete', 'jobs.batch'],
      ['list', 'pods'],
      ['list', 'nodes'],
      ['create', 'events'],
      ['get', 'namespaces'],
    ] as const;
    const denied = [
      ['watch', 'imagecaches.kubefledged.io'],
      ['delete', 'imagecaches.kubefledged.io'],
      ['watch', 'jobs.batch'],
      ['create', 'pods'],
      ['delete', 'pods'],
      ['patch', 'nodes'],
      ['get', 'secrets'],
      ['get', 'leases.coordination.k8s.io'],
    ] as const;
    const answers = async (rights: readonly (readonly [string, string])[]): Promise<readonly string[]> =>
      Promise.all(rights.map(([verb, resource]) => may(name, verb, resource)));
    expect(await answers(allowed)).toEqual(allowed.map(() => 'yes'));
    expect(await answers(denied)).toEqual(denied.map(() => 'no'));
  });

  it('allow only functions that handle the tick or new Nodes to list caches', async () => {
    const names = functionNames.map(deployedName);
    const answers = await Promise.all(names.map((name) => may(name, 'list', 'imagecaches.kubefledged.io')));
    expect(answers).toEqual(['yes', 'no', 'yes', 'yes']);
  });
});
