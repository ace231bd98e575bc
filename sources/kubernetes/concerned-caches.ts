import { BoundedMap } from '#model/text/bounded-map.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { concernsLabels, concernsLedger } from '#model/desired/node-selector.ts';
import { batchOf } from '../queue/pending-changes.ts';
import { textsAt } from './json.ts';
import { leftNames, mayHaveLost } from './listed-names.ts';
import { changedKeys, dependsOn } from './node-labels.ts';
import { inOrder, type KeyedCache } from './node-slots.ts';
import { cacheOf, keyOf, observed, type Change } from './resource.ts';
import type { Routing } from './router.ts';
import { isSignificant, type NodeProjection } from './significance.ts';

/**
 * Reports a Node to the caches that select it now or did before. Nodes known at the start are not reported: every cache gets an
 * add event then, for which all Nodes are read.
 */
export function onNode(routing: Routing, change: Change<NodeProjection & Concerned>): void {
  const { queue, nodes, isSynced } = routing;
  const { previous, current, reference } = change;
  if (!isSynced()) return;
  const changed = isSignificant(previous, current) ? undefined : changedLabels(change);
  if (changed !== undefined) onLeftNames(routing, change);
  if (changed?.size === 0) return;
  const isStarting = current?.isReady === false && previous?.isReady !== true;
  const added = (key: string) => ({ of: 'nodes', batch: batchOf(cacheOf(key), observed(change)) }) as const;
  for (const key of concernedKeys(routing, change)) {
    if (changed !== undefined && !mayDependOn(routing, key, changed)) continue;
    if (isStarting)
      queue.addAfter(nodeStartTime, key, () => {
        const live = nodes().get(keyOf(reference));
        return live?.isReady === false && concerns(routing, key, { ...change, current: live }) ? added(key) : undefined;
      });
    else queue.add(key, 'nodes', added(key).batch);
  }
}

const changedLabels = ({ previous, current }: Change<NodeProjection>): ReadonlySet<number> =>
  previous === undefined || current === undefined ? new Set() : changedKeys(previous.labels, current.labels);

/** A cache that cannot be parsed may depend on any label. */
function mayDependOn({ caches }: Routing, key: string, changed: ReadonlySet<number>): boolean {
  const cache = caches().get(key)?.cache;
  return cache === undefined || dependsOn(cache, changed);
}

/** Reports a Node whose list has lost names to the caches that hold one of these images there. */
function onLeftNames({ queue, readable }: Routing, change: Change<NodeProjection>): void {
  const left = leftNames(change.previous?.listed, change.current?.listed);
  if (left.size === 0) return;
  for (const [key, cache] of readable)
    if (mayHaveLost(cache, change.reference.name, left))
      queue.add(key, 'nodes', batchOf(cacheOf(key), observed(change)));
}

/** The projection of a Node together with the keys of the caches that selected it when it was received. */
export type Concerned = { readonly concerned: ReadonlySet<string> };

/** The keys of the caches that a change of a Node concerns, in the order in which they should start there. */
function concernedKeys(routing: Routing, change: Change<Concerned>): readonly string[] {
  const keys = [...routing.caches().keys()].filter((key) => concerns(routing, key, change));
  const parsed = keys.flatMap((key): readonly KeyedCache[] => {
    const cache = routing.caches().get(key)?.cache;
    return cache === undefined ? [] : [[key, cache]];
  });
  // Caches that cannot be read come last.
  return [...new Set([...inOrder(parsed, new Map()).map(([key]) => key), ...keys])];
}

function concerns({ caches }: Routing, key: string, { previous, current, reference }: Change<Concerned>): boolean {
  const isSelected = [previous, current].some((node) => node?.concerned.has(key) === true);
  const cache = caches().get(key)?.cache;
  return isSelected || (cache !== undefined && concernsLedger(cache, reference.name));
}

/** Milliseconds to wait for a new Node to become Ready: until then it changes several times and nothing can be pulled. */
const nodeStartTime = 5_000;

/** Finds the caches that select a Node; equal sets are one object, since thousands of Nodes have the same few. */
export function concernedCaches(caches: ReadonlyMap<string, ImageCache>): (node: unknown) => ReadonlySet<string> {
  const known = new BoundedMap<string, ReadonlySet<string>>(maxKnown);
  return (node) => {
    const labels = textsAt(node, 'metadata', 'labels');
    const keys = [...caches].flatMap(([key, cache]) => (concernsLabels(cache, labels) ? [key] : []));
    const name = keys.join(' ');
    const found = known.get(name) ?? new Set(keys);
    known.set(name, found);
    return found;
  };
}

/** Maximum number of sets that are remembered. */
const maxKnown = 200;
