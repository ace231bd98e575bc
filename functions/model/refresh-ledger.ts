import type { ImageCache } from './image-cache.ts';
import type { Ledger, LedgerEntry } from './ledger.ts';
import type { Node } from './node.ts';
import { isAbsent, isProvenPresent, pullPolicyOf, wanted as wantedOn, type Wanted } from './wanted.ts';
import type { World } from './world.ts';

/**
 * The ledger as a refresh opens with it. What may have moved, and what a node has lost, is pulled again;
 * a node that has all it wants, as far as anyone can tell, needs no Job.
 */
export function refreshedLedger({ observed, settings, now }: World, cache: ImageCache): Ledger {
  const { lastRefreshTime = 0 } = cache.status;
  const isListNew = now - lastRefreshTime >= listLag;
  const entries = Object.entries(cache.status.nodes).map(([name, entry]) => {
    const node = observed.nodes.get(name);
    const want = node === undefined ? undefined : wantedOn(cache, node, settings);
    if (node === undefined || want === undefined || entry.state !== 'Ready') return [name, entry] as const;
    return [name, reopened(entry, missing(want, node, { cache, settings, isListNew }))] as const;
  });
  return Object.fromEntries(entries);
}

/** Milliseconds by which a node's list may be late, with room to spare: an image that was just pulled is not in it yet. */
const listLag = 60_000;

type Belief = Pick<World, 'cache' | 'settings'> & { readonly isListNew: boolean };

function missing({ images }: Wanted, node: Node, { cache, settings, isListNew }: Belief): readonly number[] {
  return images.flatMap((image, index) => {
    const policy = pullPolicyOf(image, cache, settings);
    const isThere =
      isProvenPresent(image, node, policy) || (policy === 'IfNotPresent' && !(isListNew && isAbsent(image, node)));
    return isThere ? [] : [index];
  });
}

const reopened = (entry: LedgerEntry, todo: readonly number[]): LedgerEntry =>
  todo.length === 0 ? entry : { ...entry, state: 'Pending', attempt: 0, todo };
