import { describe, expect, it } from 'vitest';
import { removalJob, type RemovalJobOrder } from '#model/removal/removal-job.ts';
import { newRemovalEntry, type RemovalEntry } from '#model/cache/removal-ledger.ts';
import { node, openCache, settings, spec } from '../builders.ts';

const ordered = (of: Partial<RemovalJobOrder> = {}) =>
  removalJob({
    cache: openCache({}),
    node: node(),
    socket: '/run/containerd/containerd.sock',
    entry: { ...newRemovalEntry(node().id, 'want', 1), attempt: 1 },
    removal: { remove: ['app:1', 'base'], keep: ['other:2'] },
    settings: settings(),
    ...of,
  });

const entryWith = (of: Partial<RemovalEntry>): Partial<RemovalJobOrder> => ({
  entry: { ...newRemovalEntry(node().id, 'want', 1), attempt: 1, ...of },
});

it('a removal Job stays for a week where Jobs are retained', () => {
  const ttl = (jobRetentionPolicy: 'Delete' | 'Retain') =>
    ordered({ cache: openCache({}, { spec: spec({ jobRetentionPolicy }) }) }).spec?.ttlSecondsAfterFinished;
  expect([ttl('Delete'), ttl('Retain')]).toEqual([150, 604_800]);
});

const podOf = (of: Partial<RemovalJobOrder> = {}) => ordered(of).spec?.template.spec;
const nameOf = (of: Partial<RemovalJobOrder> = {}) => ordered(of).metadata.name;

const identity = {
  imagecache: 'web',
  controller: 'fledged',
  app: 'kubefledged',
  kubefledged: 'kubefledged-image-manager',
  'kubefledged.io/cache-uid': '8b1e4f4e-0c55-4f0e-9a53-1f6a0d6a7c11',
  'kubefledged.io/node-id': 'a1a1a1a1',
  'kubefledged.io/removal': 'true',
  'sidecar.istio.io/inject': 'false',
};

const origin = {
  'kubefledged.io/cache': 'apps/web',
  'kubefledged.io/round': '1',
  'kubefledged.io/node': 'node-1',
  'kubefledged.io/attempt': '1',
};

describe('a removal Job', () => {
  it('runs our program beside the socket, as root without any right, and is nobody’s child', () => {
    const { name, ...metadata } = ordered().metadata;
    expect(name).toMatch(/^web-[0-9a-f]{12}$/);
    expect({ ...ordered(), metadata }).toEqual({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        namespace: 'kube-fledged',
        labels: identity,
        annotations: { ...origin, 'kubefledged.io/removes': '["app:1","base"]' },
      },
      spec: {
        backoffLimit: 0,
        activeDeadlineSeconds: 7200,
        ttlSecondsAfterFinished: 150,
        template: {
          metadata: {
            labels: identity,
            annotations: {
              'cluster-autoscaler.kubernetes.io/safe-to-evict': 'true',
              'sidecar.istio.io/inject': 'false',
              'linkerd.io/inject': 'disabled',
              ...origin,
            },
          },
          spec: {
            volumes: [{ name: 'socket', hostPath: { path: '/run/containerd/containerd.sock', type: 'Socket' } }],
            containers: [
              {
                name: 'removal',
                image: 'registry.example.com/removal:1',
                args: [
                  'removal.mjs',
                  '--socket=/run/containerd/containerd.sock',
                  '--remove=app:1',
                  '--remove=base',
                  '--keep=other:2',
                ],
                resources: { limits: { cpu: '1', memory: '128Mi' }, requests: { cpu: '10m', memory: '64Mi' } },
                volumeMounts: [{ name: 'socket', mountPath: '/run/containerd/containerd.sock' }],
                terminationMessagePolicy: 'FallbackToLogsOnError',
                imagePullPolicy: 'IfNotPresent',
                securityContext: {
                  capabilities: { drop: ['ALL'] },
                  readOnlyRootFilesystem: true,
                  allowPrivilegeEscalation: false,
                },
              },
            ],
            restartPolicy: 'Never',
            terminationGracePeriodSeconds: 0,
            dnsPolicy: 'Default',
            automountServiceAccountToken: false,
            securityContext: { runAsUser: 0, runAsGroup: 0, seccompProfile: { type: 'RuntimeDefault' } },
            affinity: {
              nodeAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: {
                  nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] }],
                },
              },
            },
            tolerations: [{ operator: 'Exists' }],
            enableServiceLinks: false,
          },
        },
      },
    });
  });

  it('is known to remove only what it is not to keep, so that nobody who has that waits for it', () => {
    const { metadata, spec: of } = ordered({
      removal: { remove: ['app:1', 'base'], keep: ['docker.io/library/app:1'] },
    });
    expect(metadata.annotations).toMatchObject({ 'kubefledged.io/removes': '["base"]' });
    expect(of?.template.spec?.containers[0]?.args).toContain('--remove=app:1');
  });

  it("takes what the operator set, and the cache's own priority before his", () => {
    const operators = settings({
      imageDeleteJobHostNetwork: true,
      serviceAccountName: 'operators',
      jobPriorityClassName: 'low',
      removalImage: 'mirror.example.com/removal:2',
    });
    expect(podOf({ settings: operators })).toMatchObject({
      hostNetwork: true,
      serviceAccountName: 'operators',
      priorityClassName: 'low',
      containers: [{ image: 'mirror.example.com/removal:2' }],
    });
    const own = openCache({}, { spec: spec({ priorityClassName: '', serviceAccountName: 'of-another-namespace' }) });
    expect(podOf({ settings: operators, cache: own })).toMatchObject({ serviceAccountName: 'operators' });
    expect(podOf({ settings: operators, cache: own })).not.toHaveProperty('priorityClassName');
  });

  it('goes to the node even if pull Pods may not any more', () => {
    expect(podOf({ cache: openCache({}, { spec: spec({ tolerations: [] }) }) })?.tolerations).toEqual([
      { operator: 'Exists' },
    ]);
  });

  it('has one name for one removal, whatever is to be kept', () => {
    expect(nameOf({ removal: { remove: ['base', 'app:1'], keep: [] } })).toBe(nameOf());
  });

  it.each<{ when: string; of: Partial<RemovalJobOrder> }>([
    { when: 'node', of: entryWith({ id: 'b2' }) },
    { when: 'attempt', of: entryWith({ attempt: 2 }) },
    { when: 'cache', of: { cache: openCache({}, { uid: 'other' }) } },
    { when: 'round', of: entryWith({ round: 2 }) },
    { when: 'set of images', of: entryWith({ imagesHash: 'other' }) },
  ])('has another name for another $when', ({ of }) => {
    expect(nameOf(of)).not.toBe(nameOf());
  });

  it('has a name that its Pods can add to, however long its cache’s is', () => {
    expect(nameOf({ cache: openCache({}, { name: `${'long.'.repeat(50)}er` }) })).toMatch(/^[a-z0-9-]{1,53}$/);
  });
});
