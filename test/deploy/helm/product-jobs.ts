import type { V1Job } from '@kubernetes/client-node';
import type { Node } from '#model/node/node.ts';
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
    removal: { remove: ['app:1', 'base'], keep: ['other:2'] },
    settings: installed(set),
    ...of,
  });

export const many = Array.from({ length: 32 }, (_, index) => `registry.example.com:5000/team/app-${index}@${digest}`);
