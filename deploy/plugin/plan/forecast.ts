import type { ImageCache } from '#model/cache/image-cache.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { LedgerEntry, NodeState } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import type { Plan } from '#model/plan.ts';
import type { Operation, Trigger } from '#model/cache/round.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import { isAbsent } from '#model/desired/presence.ts';

/** What applying a cache would cause, by images and nodes. */
export type Forecast = {
  readonly namespace: string;
  readonly name: string;
  /** The round that would start, if any. */
  readonly round: { readonly operation: Operation; readonly trigger: Trigger } | undefined;
  readonly isNew: boolean;
  readonly isSuspended: boolean;
  readonly nodes: readonly NodeForecast[];
  readonly images: readonly ImageForecast[];
  /** Bytes to pull over all nodes, and the number of pulls of unknown size. */
  readonly bytes: { readonly known: number; readonly unknownPulls: number };
};

export type NodeForecast = {
  readonly name: string;
  readonly state: NodeState;
  /** Why the node is skipped; '' otherwise. */
  readonly reason: string;
  /** Images that are absent on the node. */
  readonly pull: readonly string[];
  /** Images that a Job checks; pulled only if absent or moved. */
  readonly check: readonly string[];
  /** Images that are present on the node. */
  readonly keep: readonly string[];
  /** Images that failed before; they are retried at the next refresh or change. */
  readonly failed: readonly string[];
};

export type ImageForecast = {
  readonly image: string;
  /** Numbers of nodes. */
  readonly pull: number;
  readonly check: number;
  readonly keep: number;
  /** Bytes; undefined if no node lists the image. */
  readonly size: number | undefined;
};

export type ForecastInput = {
  readonly cache: ImageCache;
  readonly isNew: boolean;
  readonly plan: Plan;
  readonly nodes: readonly Node[];
  readonly sizes: ReadonlyMap<string, number>;
};

/** Derives a forecast from the plan that the functions would carry out. */
export function forecast({ cache, isNew, plan, nodes: allNodes, sizes }: ForecastInput): Forecast {
  const status = plan.status ?? cache.status;
  const byName = new Map(allNodes.map((node) => [node.name, node]));
  const nodes = Object.entries(status.nodes).map(([name, entry]) =>
    nodeForecast(name, entry, {
      node: byName.get(name),
      images: ledgerImages({ ...cache, status }, entry.desiredHash),
    }),
  );
  const sizeOf = (image: string): number | undefined => sizes.get(normalisedReference(image));
  const pulls = nodes.flatMap(({ pull }) => pull.map(sizeOf));
  const startsRound = status.round !== undefined && status.round.number !== cache.status.round?.number;
  return {
    namespace: cache.namespace,
    name: cache.name,
    round: startsRound ? { operation: status.round.operation, trigger: status.round.trigger } : undefined,
    isNew,
    isSuspended: cache.spec.suspend,
    nodes,
    images: imageForecasts(nodes, sizeOf),
    bytes: {
      known: pulls.reduce<number>((sum, size) => sum + (size ?? 0), 0),
      unknownPulls: pulls.filter((size) => size === undefined).length,
    },
  };
}

type NodeImages = { readonly node: Node | undefined; readonly images: readonly string[] };

function nodeForecast(name: string, entry: LedgerEntry, { node, images }: NodeImages): NodeForecast {
  const isInProgress = entry.state === 'Pending' || entry.state === 'Pulling';
  const pending = isInProgress ? (entry.pendingImages ?? images.map((_, index) => index)) : [];
  const failed = entry.state === 'Failed' ? entry.failedImages : [];
  const pull = pending.flatMap((index) => {
    const image = images[index];
    return image !== undefined && node !== undefined && isAbsent(image, node) ? [image] : [];
  });
  return {
    name,
    state: entry.state,
    reason: entry.reason,
    pull,
    check: pending.flatMap((index) => images[index] ?? []).filter((image) => !pull.includes(image)),
    keep: images.filter((_, index) => entry.state !== 'Skipped' && !pending.includes(index) && !failed.includes(index)),
    failed: failed.flatMap((index) => images[index] ?? []),
  };
}

function imageForecasts(
  nodes: readonly NodeForecast[],
  sizeOf: (image: string) => number | undefined,
): readonly ImageForecast[] {
  const images = new Set(nodes.flatMap(({ pull, check, keep, failed }) => [...pull, ...check, ...keep, ...failed]));
  const count = (of: 'pull' | 'check' | 'keep', image: string): number =>
    nodes.filter((node) => node[of].includes(image)).length;
  return [...images].toSorted().map((image) => ({
    image,
    pull: count('pull', image),
    check: count('check', image),
    keep: count('keep', image),
    size: sizeOf(image),
  }));
}
