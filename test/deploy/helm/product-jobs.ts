import type { V1Job } from '@kubernetes/client-node';
import { criSocket, type Node } from '#model/node/node.ts';
import type { Spec } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { pullJob } from '#model/pull/pull-job.ts';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { removalJob, type RemovalJobOrder } from '#model/removal/removal-job.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import type { Serialized } from '#model/job/job-pod.ts';
import {
  digest,
  list,
  modernNode,
  node,
  noon,
  openCache,
  pulling,
  settings,
  spec,
} from '../../functions/model/builders.ts';

/** Jobs of the functions with the default images of the chart. */

export type Job = Serialized<V1Job> & { readonly metadata: { readonly name: string; readonly namespace: string } };

const registry = 'ghcr.io/imagecache-functions';
export const installed = (of: Partial<Settings> = {}): Settings =>
  settings({
    noopImage: `${registry}/imagecache-noop:0.1.0`,
    removalImage: `${registry}/imagecache-functions:0.1.0`,
    namespace: 'kube-fledged',
    ...of,
  });

type PullOf = {
  readonly spec?: Partial<Spec>;
  readonly settings?: Partial<Settings>;
  readonly on?: Node;
  readonly entry?: Partial<LedgerEntry>;
  readonly runAsUser?: number;
  readonly indexes?: readonly number[];
};

export function pull(of: PullOf = {}): Job {
  const live = openCache({}, { spec: spec({ lists: [list(['app:1', 'base'])], ...of.spec }) });
  const on = of.on ?? node();
  const given = installed(of.settings);
  const desired = desiredImagesOf(live, [0], given);
  const entry = pulling({ id: on.id, desiredHash: desired.hash, ...of.entry });
  // The index after the last image is that of the no-op, which is opened with the images.
  const opened = entry.opening === undefined ? [] : [desired.images.length];
  const indexes = of.indexes ?? [...desired.images.keys(), ...opened];
  return pullJob({
    cache: live,
    node: on,
    entry,
    desired,
    indexes,
    settings: given,
    runAsUser: of.runAsUser ?? 65_532,
    now: noon,
  });
}

export const mounting = (of: PullOf = {}): Job => pull({ on: modernNode(), ...of });

type RemovalOf = Omit<Partial<RemovalJobOrder>, 'settings'> & {
  readonly settings?: Partial<Settings>;
  readonly spec?: Partial<Spec>;
};

export const removal = ({ settings: set = {}, spec: given = {}, ...of }: RemovalOf = {}): Job =>
  removalJob({
    cache: openCache({}, { spec: spec(given) }),
    node: node(),
    socket: '/run/containerd/containerd.sock',
    entry: { ...newRemovalEntry(node().id, 'want', 1), attempt: 1 },
    removal: { remove: ['app:1', 'base'], keep: ['other:2'], purge: 'any' },
    settings: installed(set),
    ...of,
  });

export const many = Array.from({ length: 32 }, (_, index) => `registry.example.com:5000/team/app-${index}@${digest}`);

/** Pull Jobs with every variation by an ImageCache or a node. */
const pulls = (make: (of: PullOf) => Job): Readonly<Record<string, Job>> => ({
  'two images': make({}),
  'one image': make({ spec: { lists: [list(['app:1'])] } }),
  '32 images': make({ spec: { lists: [list(many)] } }),
  'policy Always': make({ spec: { imagePullPolicy: 'Always' } }),
  'pull secrets': make({ spec: { imagePullSecrets: ['regcred', 'other'] } }),
  'no tolerations': make({ spec: { tolerations: [] } }),
  'a toleration': make({ spec: { tolerations: [{ key: 'gpu', operator: 'Exists', effect: 'NoSchedule' }] } }),
  'labels and annotations': make({
    spec: { podMetadata: { labels: { team: 'web' }, annotations: { 'example.com/note': 'x' } } },
  }),
  'a priority class': make({ spec: { priorityClassName: 'low' } }),
  'a service account': make({ spec: { serviceAccountName: 'puller' } }),
  'the settings of an operator': make({
    settings: { serviceAccountName: 'puller', jobPriorityClassName: 'low', imagePullDeadline: 3_600_000 },
  }),
  'the third attempt, singly': make({ entry: { attempt: 3, oneImagePerJob: true } }),
  'a user of OpenShift': make({ runAsUser: 1_000_650_000 }),
});

export const copyingJobs = pulls(pull);
export const mountingJobs = pulls(mounting);

const runtimes = {
  containerd: node(),
  'k3s’s containerd': node({ containerRuntime: 'containerd://2.1.4-k3s1' }),
  'k0s’s containerd': node({ kubeletVersion: 'v1.34.1+k0s' }),
  'CRI-O': node({ containerRuntime: 'cri-o://1.34.0' }),
  Docker: node({ containerRuntime: 'docker://28.0.1' }),
};

export const removalJobs: Readonly<Record<string, Job>> = {
  ...Object.fromEntries(
    Object.entries(runtimes).map(([name, on]) => [
      name,
      removal({ node: on, socket: criSocket(on, installed()) ?? '' }),
    ]),
  ),
  'nothing to keep': removal({ removal: { remove: ['app:1'], keep: [], purge: 'any' } }),
  '32 images, own only': removal({ removal: { remove: many, keep: many, purge: 'own' } }),
  'the second attempt': removal({ entry: { ...newRemovalEntry(node().id, 'want', 1), attempt: 2 } }),
};
