import type { Node } from '#model/node/node.ts';
import type { Listed } from '#runtime/api/list-items.ts';

/** Maximum age in milliseconds of Nodes that decisions share. */
export const maxNodesAge = 10_000;

/** A decision on this version of a cache, at this time in epoch milliseconds; without a version, Nodes are listed again. */
export type Deciding = { readonly resourceVersion: string | undefined; readonly now: number };

type Shared = { readonly listing: Promise<Listed<Node>>; readonly since: number };

/**
 * All Nodes by one listing for the decisions of some seconds: no older than the cache that a decision is on, as its status may
 * refer to a Node that joined after an older listing.
 */
export function sharedNodes(list: () => Promise<Listed<Node>>): (deciding: Deciding) => Promise<readonly Node[]> {
  let shared: Shared | undefined;
  const begin = (now: number): Shared => {
    const begun = { listing: list(), since: now };
    const forget = (): void => {
      if (shared === begun) shared = undefined;
    };
    shared = begun;
    begun.listing.catch(forget);
    setTimeout(forget, maxNodesAge).unref(); // so that thousands of Nodes are not kept when no decision needs them
    return begun;
  };
  return async ({ resourceVersion, now }) => {
    let known: Shared | undefined;
    while (
      resourceVersion !== undefined &&
      shared !== undefined &&
      shared !== known &&
      now - shared.since <= maxNodesAge
    ) {
      known = shared;
      const listed = await known.listing;
      if (isSince(listed.resourceVersion, resourceVersion)) return listed.items;
    }
    return (await begin(now).listing).items;
  };
}

const wholeNumber = /^\d+$/;

/** Whether a listing shows no earlier state than a version of an object. Versions that are no numbers cannot be compared. */
function isSince(listing: string, object: string): boolean {
  if (!wholeNumber.test(listing) || !wholeNumber.test(object)) return false;
  return BigInt(listing) >= BigInt(object);
}
