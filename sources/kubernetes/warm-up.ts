import type { ImageCache } from '#model/cache/image-cache.ts';

/** A node that has all desired images of a cache, and how many milliseconds that took. */
type Warmed = { readonly cause: Cause; readonly ms: number };
type Cause = 'joined' | 'created' | 'changed';

/** Measures the time from when images become desired on a node until the node has them. */
export type WarmUp = {
  /** Compares two consecutive states of a cache, and returns the nodes that became ready. */
  readonly observe: (before: ImageCache, after: ImageCache, now: number) => readonly Warmed[];
  readonly forget: (cache: ImageCache) => void;
};

type Start = { readonly since: number; readonly cause: Cause };

/** A refresh does not count: time starts when a node is added to the ledger or its desired images change. */
export function createWarmUp(): WarmUp {
  const starts = new Map<string, Map<string, Start>>();
  return {
    observe: (before, after, now) => {
      const known = starts.get(after.uid) ?? new Map<string, Start>();
      starts.set(after.uid, known);
      for (const name of known.keys()) if (after.status.nodes[name] === undefined) known.delete(name);
      return Object.entries(after.status.nodes).flatMap(([name, { state }]) => {
        const cause = causeOf(before, after, name) ?? delayed(known.get(name), before.status.nodes[name]?.state);
        if (cause !== undefined) known.set(name, { since: now, cause });
        const start = known.get(name);
        if (start === undefined || state !== 'Ready') return [];
        known.delete(name);
        return [{ cause: start.cause, ms: now - start.since }];
      });
    },
    forget: ({ uid }) => void starts.delete(uid),
  };
}

/** Time while a node is skipped does not count. */
const delayed = (start: Start | undefined, was: string | undefined): Cause | undefined =>
  was === 'Skipped' ? start?.cause : undefined;

function causeOf(before: ImageCache, after: ImageCache, name: string): Cause | undefined {
  if (before.status.observedGeneration === undefined) return before.status.status === '' ? 'created' : undefined;
  const [was, is] = [before.status.nodes[name], after.status.nodes[name]];
  if (was === undefined || was.id !== is?.id) return 'joined';
  return was.desiredHash === is.desiredHash ? undefined : 'changed';
}
