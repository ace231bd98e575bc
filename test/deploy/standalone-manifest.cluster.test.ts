import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { sharedLab } from '../cluster/shared-lab.ts';

const lab = await sharedLab();
const root = join(import.meta.dirname, '../..');
const manifests = join(root, 'deploy/kubectl');

describe('kubectl apply -k deploy/kubectl', () => {
  beforeAll(async () => {
    await lab.ask('apply', '-k', manifests);
  });

  afterAll(async () => {
    const files = ['standalone.yaml', '../policy/admission-policy.yaml', 'tenancy.yaml'].map((file) =>
      join(manifests, file),
    );
    await lab.ask('delete', ...files.flatMap((file) => ['-f', file]));
    await lab.ask('label', 'namespace', 'kube-fledged', 'pod-security.kubernetes.io/enforce-');
  });

  const may = async (verb: string, resource: string, namespace: string): Promise<string> => {
    const as = '--as=system:serviceaccount:kube-fledged:imagecache-functions';
    const of = resource.endsWith('/status') ? [resource.replace('/status', ''), '--subresource=status'] : [resource];
    return (await lab.kubectl('auth', 'can-i', verb, ...of, '-n', namespace, as)).stdout.trim();
  };

  it.each([
    ['watch', 'imagecaches.kubefledged.io', 'default'],
    ['patch', 'imagecaches.kubefledged.io', 'default'],
    ['patch', 'imagecaches.kubefledged.io/status', 'default'],
    ['create', 'jobs.batch', 'default'],
    ['delete', 'jobs.batch', 'default'],
    ['watch', 'pods', 'default'],
    ['watch', 'nodes', 'default'],
    ['list', 'events', 'default'],
    ['create', 'events', 'default'],
    ['get', 'namespaces', 'default'],
    ['update', 'leases.coordination.k8s.io/imagecache-functions-source', 'kube-fledged'],
    ['create', 'leases.coordination.k8s.io', 'kube-fledged'],
  ])('allows %s %s in %s', async (verb, resource, namespace) => {
    expect(await may(verb, resource, namespace)).toBe('yes');
  });

  it.each([
    ['create', 'imagecaches.kubefledged.io', 'default'],
    ['delete', 'imagecaches.kubefledged.io', 'default'],
    ['create', 'pods', 'default'],
    ['delete', 'pods', 'default'],
    ['patch', 'nodes', 'default'],
    ['get', 'secrets', 'default'],
    ['get', 'secrets', 'kube-fledged'],
    ['update', 'leases.coordination.k8s.io', 'kube-fledged'],
    ['create', 'leases.coordination.k8s.io', 'default'],
    ['update', 'leases.coordination.k8s.io/imagecache-functions-source', 'default'],
  ])('denies %s %s in %s', async (verb, resource, namespace) => {
    expect(await may(verb, resource, namespace)).toBe('no');
  });

  it('allows to patch nodes, and nothing else, with warm-gate.yaml', async () => {
    const gate = join(root, 'deploy/kubectl/warm-gate.yaml');
    await lab.ask('apply', '-f', gate);
    try {
      await vi.waitFor(async () => expect(await may('patch', 'nodes', 'default')).toBe('yes'), { timeout: 5000 });
      expect(await may('update', 'nodes', 'default')).toBe('no');
      expect(await may('patch', 'nodes/status', 'default')).toBe('no');
    } finally {
      await lab.ask('delete', '-f', gate);
    }
  });

  it('creates a pod that the PodSecurity level restricted admits, and that kube-fledged’s README finds by label', async () => {
    await lab.ask('label', 'namespace', 'kube-fledged', '--overwrite', 'pod-security.kubernetes.io/enforce=restricted');
    await lab.ask('-n', 'kube-fledged', 'rollout', 'restart', 'deployment/imagecache-functions');
    const pods = async () =>
      expect(await lab.ask('-n', 'kube-fledged', 'get', 'pods', '-l', 'app=kubefledged', '-o', 'name')).toMatch(
        /^(pod\/imagecache-functions-.*\n){2,}$/, // simulated nodes end each pod immediately, so several are created
      );
    await vi.waitFor(pods, { timeout: 20_000, interval: 200 });
  });
});
