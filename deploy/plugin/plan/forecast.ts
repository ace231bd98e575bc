import { refusedMessage } from '#model/cache/conditions.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { imageOrigins, findsImages } from '#model/cache/found-images.ts';
import { hoursAtBudget } from '#model/start/registry-limit.ts';
import { normalisedReference, registryOf } from '#model/text/image-reference.ts';
import { failedOf, pendingOf } from '#model/cache/image-states.ts';
import { type LedgerEntry, type NodeState, stateOf } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import type { Plan } from '#model/plan.ts';
import type { Operation, Trigger } from '#model/cache/round.ts';
import type { Settings } from '#model/cache/settings.ts';
import { byImages, progressOf, rolloutOf, waveSizes } from '#model/desired/rollout.ts';
import { ledgerImages } from '#model/desired/placements.ts';
import {
  type GateForecast,
  type NodeRemovals,
  gateForecast,
  noRemovals,
  nodeRemovals,
  registriesAsked,
  supersededRound,
} from './side-effects.ts';
import { isAbsent } from '#model/desired/presence.ts';

/** What applying a cache would cause, by images and nodes. */
export type Forecast = {
  readonly namespace: string;
  readonly name: string;
  /** The round that would start, if any. */
  readonly round: { readonly operation: Operation; readonly trigger: Trigger } | undefined;
  readonly isNew: boolean;
  readonly isSuspended: boolean;
  /** Why the cache is refused, if it is. */
  readonly refusal: string | undefined;
  readonly nodes: readonly NodeForecast[];
  readonly images: readonly ImageForecast[];
  /** Bytes to pull over all nodes, and the number of pulls of unknown size. */
  readonly bytes: {
    readonly known: number;
    readonly unknownPulls: number;
    /** Bytes to remove over all nodes, and the number of removals of unknown size. */
    readonly removed: number;
    readonly unknownRemovals: number;
  };
  /** The open round that ends because this one starts. */
  readonly supersedes: ReturnType<typeof supersededRound>;
  /** Registries that are asked when the round opens. */
  readonly registries: readonly string[];
  /** Manifests that nodes get from registries with a budget, and the hours that it takes at least. */
  readonly budgets: readonly BudgetForecast[];
  readonly gate: GateForecast | undefined;
  /** How many images workloads name, and how many are kept although none names them any more; absent without imagesFrom. */
  readonly workloadImages?: { readonly named: number; readonly kept: number };
  /** Nodes of each wave of the largest rollout; absent if all nodes pull at once. */
  readonly waves?: readonly number[];
};

export type BudgetForecast = { readonly registry: string; readonly pulls: number; readonly hours: number };

export type NodeForecast = {
  readonly name: string;
  /** `NotSelected`: the node has images of the cache from before. */
  readonly state: NodeState | 'NotSelected';
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
  /** Images that are removed, and those that would be if no other cache wanted them there. */
  readonly remove: NodeRemovals['remove'];
  readonly spare: NodeRemovals['spare'];
  /** Free bytes for images now and, by the sizes that are known, afterwards; absent if the kubelet was not or could not be asked. */
  readonly freeBytes?: number;
  readonly freeBytesAfter?: number;
};

export type ImageForecast = {
  readonly image: string;
  /** Numbers of nodes. */
  readonly pull: number;
  readonly check: number;
  readonly keep: number;
  readonly remove: number;
  /** Bytes; undefined if no node lists the image. */
  readonly size: number | undefined;
};

export type ForecastInput = {
  readonly cache: ImageCache;
  readonly isNew: boolean;
  readonly plan: Plan;
  readonly nodes: readonly Node[];
  readonly sizes: ReadonlyMap<string, number>;
  readonly settings: Settings;
  /** The other caches, as far as the user may read them. */
  readonly others: readonly ImageCache[];
  /** Free bytes by node, as far as kubelets said. */
  readonly free: ReadonlyMap<string, number>;
};

/** Derives a forecast from the plan that the functions would carry out. */
export function forecast(input: ForecastInput): Forecast {
  const { cache, isNew, plan, nodes: allNodes, sizes, settings } = input;
  const status = plan.status ?? cache.status;
  const next = { ...cache, status };
  const sizeOf = (image: string): number | undefined => sizes.get(normalisedReference(image));
  const nodes = nodeForecasts(next, input).map((node) => withFreeBytes(node, input.free, sizeOf));
  const pulls = nodes.flatMap(({ pull }) => pull.map(sizeOf));
  const removals = nodes.flatMap(({ remove }) => remove.map(sizeOf));
  const startsRound = status.round !== undefined && status.round.number !== cache.status.round?.number;
  return {
    namespace: cache.namespace,
    name: cache.name,
    round: startsRound ? { operation: status.round.operation, trigger: status.round.trigger } : undefined,
    isNew,
    isSuspended: cache.spec.suspend,
    refusal: refusedMessage(status),
    nodes,
    images: imageForecasts(nodes, sizeOf),
    bytes: {
      known: sum(pulls),
      unknownPulls: pulls.filter((size) => size === undefined).length,
      removed: sum(removals),
      unknownRemovals: removals.filter((size) => size === undefined).length,
    },
    supersedes: supersededRound(cache, startsRound),
    registries: registriesAsked(cache, allNodes, settings),
    budgets: budgetForecasts(nodes, settings),
    gate: gateForecast(next, allNodes, settings),
    ...workloadImages(cache),
    ...wavesOf(cache, status, settings),
  };
}

function workloadImages(cache: ImageCache): Pick<Forecast, 'workloadImages'> {
  if (!findsImages(cache.spec)) return {};
  const counts = [...imageOrigins(cache).values()].map(({ count }) => count);
  const named = counts.filter((count) => count > 0).length;
  return { workloadImages: { named, kept: counts.length - named } };
}

function budgetForecasts(nodes: readonly NodeForecast[], settings: Settings): readonly BudgetForecast[] {
  const images = nodes.flatMap(({ pull, check }) => [...pull, ...check]);
  const registries = Map.groupBy(images, (image) => registryOf(image));
  return Object.entries(settings.registryBudgets).flatMap(([registry, budget]) => {
    const pulls = registries.get(registry)?.length ?? 0;
    return pulls === 0 ? [] : [{ registry, pulls, hours: hoursAtBudget(pulls, budget) }];
  });
}

/** Domains of a topology grow by themselves, so that their waves depend on the nodes of each. */
function wavesOf(cache: ImageCache, { nodes }: Status, settings: Settings): Pick<Forecast, 'waves'> {
  const rollout = rolloutOf(cache, settings);
  if (rollout === undefined || rollout.topologyKey !== '') return {};
  const sizes = [...byImages(nodes).values()].map((entries) => {
    const { total, ready } = progressOf(entries);
    return waveSizes(rollout, total, ready);
  });
  const [longest = []] = sizes.toSorted((a, b) => b.length - a.length);
  return longest.length === 0 ? {} : { waves: longest };
}

const sum = (sizes: readonly (number | undefined)[]): number =>
  sizes.reduce<number>((total, size) => total + (size ?? 0), 0);

/** The nodes of the ledger, then those that only lose images. */
function nodeForecasts(
  next: ImageCache,
  { nodes: allNodes, others, settings }: ForecastInput,
): readonly NodeForecast[] {
  const byName = new Map(allNodes.map((node) => [node.name, node]));
  const removalsOf = (name: string): NodeRemovals => {
    const node = byName.get(name);
    return node === undefined ? noRemovals : nodeRemovals(next, node, { others, settings });
  };
  const selected = Object.entries(next.status.nodes).map(([name, entry]) => ({
    ...nodeForecast(name, entry, { node: byName.get(name), images: ledgerImages(next, entry.desiredHash) }),
    ...removalsOf(name),
  }));
  const left = Object.keys(next.status.removals)
    .filter((name) => next.status.nodes[name] === undefined)
    .map((name) => ({ ...notSelected(name), ...removalsOf(name) }))
    .filter(({ remove, spare }) => remove.length + spare.length > 0);
  return [...selected, ...left];
}

const notSelected = (name: string): NodeForecast => ({
  ...{ name, state: 'NotSelected', reason: '', pull: [], check: [], keep: [], failed: [] },
  ...noRemovals,
});

/** Pulls are counted in full, though images may share layers; what only may be on the node frees nothing for sure. */
function withFreeBytes(
  node: NodeForecast,
  free: ReadonlyMap<string, number>,
  sizeOf: (image: string) => number | undefined,
): NodeForecast {
  const before = free.get(node.name);
  if (before === undefined) return node;
  const after = before - sum(node.pull.map(sizeOf)) + sum(node.remove.map(sizeOf));
  return { ...node, freeBytes: before, freeBytesAfter: after };
}

type NodeImages = { readonly node: Node | undefined; readonly images: readonly string[] };

function nodeForecast(
  name: string,
  entry: LedgerEntry,
  { node, images }: NodeImages,
): Omit<NodeForecast, keyof NodeRemovals> {
  const isInProgress = entry.state === 'Pending' || entry.state === 'Pulling';
  const pending = isInProgress ? pendingOf(entry, images.length) : [];
  const failed = entry.state === 'Failed' ? failedOf(entry, images.length) : [];
  const pull = pending.flatMap((index) => {
    const image = images[index];
    return image !== undefined && node !== undefined && isAbsent(image, node) ? [image] : [];
  });
  return {
    name,
    state: stateOf(entry),
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
  const images = new Set(
    nodes.flatMap(({ pull, check, keep, failed, remove }) => [...pull, ...check, ...keep, ...failed, ...remove]),
  );
  const count = (of: 'pull' | 'check' | 'keep' | 'remove', image: string): number =>
    nodes.filter((node) => node[of].includes(image)).length;
  return [...images].toSorted().map((image) => ({
    image,
    pull: count('pull', image),
    check: count('check', image),
    keep: count('keep', image),
    remove: count('remove', image),
    size: sizeOf(image),
  }));
}
