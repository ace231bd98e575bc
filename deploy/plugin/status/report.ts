import type { Failure, ImageCache } from '#model/cache/image-cache.ts';
import { type LedgerEntry, type NodeState, stateOf } from '#model/cache/ledger.ts';
import type { RemovalEntry } from '#model/cache/removal-ledger.ts';
import type { Access } from '#model/desired/access.ts';
import { type ImageState, imageState } from '#model/desired/image-state.ts';
import { type NodeCounts, nodeCounts } from '#model/desired/node-counts.ts';
import { imagesOf } from '#model/desired/desired-images.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { byName } from '../by-name.ts';

/** The status of a cache by node and by image, failures first. */
export type Report = {
  readonly namespace: string;
  readonly name: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly generation: number;
  readonly observedGeneration: number | undefined;
  readonly round: { readonly number: number; readonly operation: string; readonly trigger: string } | undefined;
  readonly counts: NodeCounts;
  /** ISO times. */
  readonly lastRefresh: string | undefined;
  readonly nextRefresh: string | undefined;
  readonly isSuspended: boolean;
  readonly images: readonly ImageReport[];
  readonly nodes: readonly NodeReport[];
  readonly removals: readonly RemovalReport[];
  /** Why images are not on nodes, or after a purge still are. */
  readonly failures: readonly ({ readonly image: string } & Failure)[];
};

/** The removal of images from one node. */
export type RemovalReport = Pick<RemovalEntry, 'state' | 'reason' | 'message' | 'removed' | 'sparedImages'> & {
  readonly name: string;
  readonly spared: number;
};

export type ImageReport = {
  readonly image: string;
  readonly digest: string;
  /** Number of nodes that have the image, and of those that must have it. */
  readonly present: number;
  readonly desired: number;
  /** Number of nodes that fail to pull it and try again, and of those that have given up. */
  readonly failing: number;
  readonly failed: number;
  /** Who can start it without the registry; undefined if the status does not say. */
  readonly access: Access | undefined;
};

export type NodeReport = {
  readonly name: string;
  readonly state: NodeState;
  readonly reason: string;
  readonly images: readonly { readonly image: string; readonly state: ImageState }[];
  readonly failures: readonly ({ readonly image: string } & Omit<Failure, 'node'>)[];
};

/** `access`: what the status says of each image, by normalised reference. */
export function report(cache: ImageCache, access: ReadonlyMap<string, Access> = new Map()): Report {
  const { namespace, name, generation, status } = cache;
  const nodes = Object.entries(status.nodes).map(([node, entry]) => nodeReport(cache, node, entry));
  const iso = (time: number | undefined): string | undefined =>
    time === undefined ? undefined : new Date(time).toISOString();
  return {
    namespace,
    name,
    status: status.status,
    reason: status.reason,
    message: status.message,
    generation,
    observedGeneration: status.observedGeneration,
    round: status.round && {
      number: status.round.number,
      operation: status.round.operation,
      trigger: status.round.trigger,
    },
    counts: nodeCounts(status.nodes),
    lastRefresh: iso(status.lastRefreshTime),
    nextRefresh: iso(status.nextRefreshTime),
    isSuspended: cache.spec.suspend,
    images: imageReports(cache, nodes, access),
    nodes: nodes.toSorted((a, b) => rank(a) - rank(b) || byName(a, b)),
    removals: Object.entries(status.removals).map(
      ([node, { state, reason, message, removed, spared, sparedImages }]) => ({
        ...{ name: node, state, reason, message },
        ...{ removed, spared, sparedImages },
      }),
    ),
    failures: Object.entries(status.failures).flatMap(([image, each]) =>
      each.map((failure) => ({ image, ...failure })),
    ),
  };
}

function nodeReport(cache: ImageCache, name: string, entry: LedgerEntry): NodeReport {
  const { failures } = cache.status;
  const images = ledgerImages(cache, entry.desiredHash);
  return {
    name,
    state: stateOf(entry),
    reason: entry.reason,
    images: images.map((image, index) => ({ image, state: imageState(entry, index) })),
    failures: images.flatMap((image) =>
      (failures[image] ?? [])
        .filter(({ node }) => node === name)
        .map(({ reason, message }) => ({ image, reason, message })),
    ),
  };
}

function imageReports(
  cache: ImageCache,
  nodes: readonly NodeReport[],
  access: ReadonlyMap<string, Access>,
): readonly ImageReport[] {
  const all = imagesOf(
    cache,
    cache.spec.lists.map((_, index) => index),
  );
  return all.map((image) => {
    const states = nodes
      .filter(({ state }) => state !== 'Skipped')
      .flatMap(({ images }) => images.filter((each) => each.image === image).map(({ state }) => state));
    return {
      image,
      digest: cache.status.digests[image] ?? '',
      present: states.filter((state) => state === 'present').length,
      desired: states.length,
      failing: states.filter((state) => state === 'failing').length,
      failed: states.filter((state) => state === 'failed').length,
      access: access.get(normalisedReference(image)),
    };
  });
}

const order: readonly NodeState[] = ['Failed', 'Held', 'Skipped', 'Pulling', 'Pending', 'Ready'];
const rank = ({ state, images }: NodeReport): number =>
  images.some((image) => image.state === 'failing') ? 0.5 : order.indexOf(state);
