import type { ImageCache } from '#model/cache/image-cache.ts';
import { concernsLabels } from '#model/desired/node-selector.ts';
import { textsAt } from './significance.ts';

/** Finds the caches that select a Node; equal sets are one object, since thousands of Nodes have the same few. */
export function concernedCaches(caches: ReadonlyMap<string, ImageCache>): (node: unknown) => ReadonlySet<string> {
  const known = new Map<string, ReadonlySet<string>>();
  return (node) => {
    const labels = textsAt(node, 'metadata', 'labels');
    const keys = [...caches].flatMap(([key, cache]) => (concernsLabels(cache, labels) ? [key] : []));
    const name = keys.join(' ');
    const found = known.get(name) ?? new Set(keys);
    if (known.size >= maxKnown) known.clear();
    known.set(name, found);
    return found;
  };
}

/** Maximum number of sets that are remembered. */
const maxKnown = 200;
