import type { ImageCache } from '#model/cache/image-cache.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { LedgerEntry, NodeState } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import type { Plan } from '#model/plan.ts';
import type { Operation, Trigger } from '#model/cache/round.ts';
import { imagesOf, isAbsent } from '#model/desired/desired-images.ts';

/** What would happen if a cache were applied now: the functions' own decision, put in terms of images and nodes. */
export type Forecast = {
  readonly namespace: string;
  readonly name: string;
  /** The round that opens; undefined where none does. */
  readonly round: { readonly operation: Operation; readonly trigger: Trigger } | undefined;
  readonly isNew: boolean;
  readonly isSuspended: boolean;
  readonly nodes: readonly NodeForecast[];
  readonly images: readonly ImageForecast[];
  /** Bytes to pull over all nodes, as far as sizes are known, and how many pulls have no known size. */
  readonly bytes: { readonly known: number; readonly unknownPulls: number };
};

export type NodeForecast = {
  readonly name: string;
  readonly state: NodeState;
  /** Why it is skipped; ''. */
  readonly reason: string;
  /** Images that are not on the node. */
  readonly pull: readonly string[];
  /** Images that a Job asks for, to be pulled only where they are missing or have moved. */
  readonly check: readonly string[];
  /** Images that the node has. */
  readonly keep: readonly string[];
  /** Images that it has failed to get, and that are not tried again until a refresh, as nothing has changed. */
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

export type ForecastFrom = {
  readonly cache: ImageCache;
  readonly isNew: boolean;
  readonly plan: Plan;
  readonly nodes: readonly Node[];
  readonly sizes: ReadonlyMap<string, number>;
};

/** Reads a plan of the functions. */
export function forecast({ cache, isNew, plan, nodes: all, sizes }: ForecastFrom): Forecast {
  const status = plan.status ?? cache.status;
  const byName = new Map(all.map((node) => [node.name, node]));
  const nodes = Object.entries(status.nodes).map(([name, entry]) =>
    nodeForecast(name, entry, {
      node: byName.get(name),
      images: imagesOf(cache, status.desired[entry.desiredHash] ?? []),
    }),
  );
  const sizeOf = (image: string): number | undefined => sizes.get(normalisedReference(image));
  const pulls = nodes.flatMap(({ pull }) => pull.map(sizeOf));
  const isOpened = status.round !== undefined && status.round.number !== cache.status.round?.number;
  return {
    namespace: cache.namespace,
    name: cache.name,
    round: isOpened ? { operation: status.round.operation, trigger: status.round.trigger } : undefined,
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

type Place = { readonly node: Node | undefined; readonly images: readonly string[] };

function nodeForecast(name: string, entry: LedgerEntry, { node, images }: Place): NodeForecast {
  const isServed = entry.state === 'Pending' || entry.state === 'Pulling';
  const todo = isServed ? (entry.pendingImages ?? images.map((_, index) => index)) : [];
  const failed = entry.state === 'Failed' ? entry.failedImages : [];
  const pull = todo.flatMap((index) => {
    const image = images[index];
    return image !== undefined && node !== undefined && isAbsent(image, node) ? [image] : [];
  });
  return {
    name,
    state: entry.state,
    reason: entry.reason,
    pull,
    check: todo.flatMap((index) => images[index] ?? []).filter((image) => !pull.includes(image)),
    keep: images.filter((_, index) => entry.state !== 'Skipped' && !todo.includes(index) && !failed.includes(index)),
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
