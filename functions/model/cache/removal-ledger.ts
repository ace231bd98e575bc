import * as z from 'zod/mini';
import type { SkipReason } from '#model/node/node.ts';
import type { Cause } from './failures.ts';
import { type Decoded, count, list, number, oneOf, record, required, text, time } from './codec.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { type Ledger, maxAttempts } from './ledger.ts';

/** What must be removed from each node, and how far it is, by node name. Nodes with nothing to remove have no entry. */
export type RemovalLedger = Readonly<Record<string, RemovalEntry>>;

export const removalStates = ['Pending', 'Kept', 'Removing', 'Removed', 'Failed', 'Skipped'] as const;
export type RemovalState = (typeof removalStates)[number];

/** Why an image is spared: another cache needs it, or another tag of it; a container uses it; the runtime pins it. */
export const spareReasons = ['Wanted', 'SharedTag', 'InUse', 'Pinned'] as const;
export type SpareReason = (typeof spareReasons)[number];

/** `by` names the cache, image or container that needs the image; '' if the reason has none. */
const sparedImage = record({ image: required(z.string()), reason: oneOf(spareReasons), by: text });
export type SparedImage = Decoded<typeof sparedImage>;

export const removalEntry = record({
  /** Identifies the machine, because clouds reuse node names. */
  id: required(z.string()),
  /** Hash of the images to remove; the key of these in `status.toRemove`. */
  imagesHash: required(z.string()),
  /** Round in which the entry was created; part of the names of its Jobs. */
  round: number,
  /** Number of Jobs created for these images. 0 before the first. */
  attempt: number,
  state: oneOf(removalStates),
  /** Why the node was skipped or failed; '' otherwise. */
  reason: text,
  message: text,
  /** When a failed removal is tried again, and what is kept is removed; undefined in other states. */
  retryTime: time,
  /** Number of images removed. */
  removed: count,
  /** Number of images that were not on the node. */
  absent: count,
  /** Number of images left on the node. */
  spared: count,
  /** Bytes freed, as the runtime reports them. */
  freedBytes: count,
  /** Spared images, as many as fit. */
  sparedImages: list(sparedImage),
});

export type RemovalEntry = Decoded<typeof removalEntry>;

/** The entry of a node that has had no removal Job. */
export const newRemovalEntry = (id: string, imagesHash: string, round: number): RemovalEntry =>
  removalEntry.schema.parse({ id, imagesHash, round, state: 'Pending' });

type Ledgers = { readonly nodes: Ledger; readonly removals: RemovalLedger };

/**
 * Whether a node keeps what is to be removed, as it does not have yet what the spec wants there instead. A node that no list
 * selects, as in a purge, waits for nothing, nor does one whose taints keep the Pods of all lists away.
 */
export function keepsRemoved({ nodes }: Pick<Ledgers, 'nodes'>, name: string): boolean {
  const pull = ownEntry(nodes, name);
  return pull !== undefined && pull.state !== 'Ready' && pull.reason !== ('TaintNotTolerated' satisfies SkipReason);
}

/** The nodes that need a removal Job or its result. */
export const unsettledRemovals = ({ nodes, removals }: Ledgers): readonly string[] =>
  Object.entries(removals).flatMap(([name, { state }]) =>
    state === 'Removing' || (state === 'Pending' && !keepsRemoved({ nodes }, name)) ? [name] : [],
  );

/** Whether images are left on the node that a purge was to remove: the removal failed, or the node is away. */
export const isOwed = (entry: RemovalEntry | undefined): boolean =>
  entry?.state === 'Failed' || (entry?.state === 'Skipped' && !isNeverServed(entry));

/** Whether the node is of a kind that never gets Jobs, and never had images. */
const isNeverServed = ({ reason }: RemovalEntry): boolean => reason === 'Virtual' || reason === 'OtherOperatingSystem';

/** Whether the images are gone from the node. */
export const isDone = (entry: RemovalEntry): boolean =>
  entry.state === 'Removed' || (entry.state === 'Skipped' && isNeverServed(entry));

/** The entry once its removal has failed. It is tried again after 15 s, and then after three times as long, up to half an hour. */
export function failedRemovalEntry(entry: RemovalEntry, { reason, message }: Cause, now: number): RemovalEntry {
  const delay = Math.min(15 * 3 ** Math.max(0, entry.attempt - maxAttempts), 1800) * 1000;
  return { ...entry, state: 'Failed', reason, message: message.slice(0, 256), retryTime: now + delay };
}

/** Whether a failed removal is to be tried again now, or what was kept for a while is to be removed. */
export const isRetryDue = ({ state, retryTime = 0 }: RemovalEntry, now: number): boolean =>
  (state === 'Failed' || state === 'Kept') && retryTime <= now;
