import * as z from 'zod/mini';
import {
  type Codec,
  type Decoded,
  count,
  flag,
  number,
  oneOf,
  optional,
  record,
  required,
  seconds,
  text,
  time,
} from './codec.ts';
import { type HadImages, isHadImages, withPulled } from './had-images.ts';
import {
  type ImageStates,
  hasFailedBefore,
  hasFailing,
  isLetter,
  packedImages,
  unpackedImages,
  usualImages,
} from './image-states.ts';

/** What each node must have, and how far it is, by node name. */
export type Ledger = Readonly<Record<string, LedgerEntry>>;

export const nodeStates = ['Pending', 'Pulling', 'Ready', 'Failed', 'Skipped', 'Held'] as const;
export type NodeState = (typeof nodeStates)[number];

export const openings = ['Noop'] as const;

/** A word of another version counts as the one there is: without this entry, all that is known of the nodes would be lost. */
const opening: Codec<(typeof openings)[number]> = required(
  z.pipe(
    z.string(),
    z.transform((): (typeof openings)[number] => 'Noop'),
  ),
);

const entryFields = record({
  /** Identifies the machine, because clouds reuse node names. */
  id: required(z.string()),
  /** Hash of the images and settings that the node must have. */
  desiredHash: required(z.string()),
  /**
   * Hash of the images that stay on the node although its taints keep some of them from it now; undefined if there are none, or
   * if these are all that `desiredHash` stands for.
   */
  retainedHash: optional(required(z.string())),
  /** Number of sets of Jobs created for this desired hash; part of their names. 0 before the first. */
  attempt: number,
  /** How many of these ended because a registry throttled the node: they do not count as tries. */
  rests: count,
  state: oneOf(nodeStates),
  /** Why a node is skipped or held, why a Ready node is away, or why a pending one waits; '' otherwise. */
  reason: text,
  /** The letters of its images as they are stored; undefined if they are the usual ones of the state. */
  images: optional(required(z.string().check(z.refine((letters) => unpackedImages(letters) !== undefined)))),
  noop: optional(required(z.string().check(z.refine(isLetter)))),
  /** When the node is given up if the images that fail still do; undefined if none does. */
  failingUntil: time,
  /** The attempt opens its images: they are present, and its Pods, which run the no-op program, have no credentials. */
  opening: optional(opening),
  /** The attempt has one Job per image, because the kubelet did not report in time which of them it cannot pull. */
  oneImagePerJob: flag,
  /** When the second attempt must have ended; undefined: no limit, or no Job has finished yet. */
  retryDeadline: time,
  /** The images that earlier attempts may have pulled, as they are stored; undefined if there are none. */
  hadImages: optional(required(z.string().check(z.refine(isHadImages)))),
  /** Image volumes failed on this node: containers run a copied no-op instead. */
  copiesNoop: flag,
  /** When a Ready node last became Ready; undefined if that was before the latest round. */
  readyAt: seconds,
  /** When it was last found that the node had lost images that it had. */
  lostAt: seconds,
  /** How often in succession it has lost some. */
  losses: count,
  /** The value of the rollout's topologyKey on the node, '' if it has none; undefined without such a key. */
  topology: optional(required(z.string())),
});

export type LedgerEntry = ImageStates & Omit<Decoded<typeof entryFields>, keyof ImageStates>;

/** An entry whose images are nonsense is invalid. */
export const ledgerEntry: Codec<LedgerEntry> = {
  schema: z.pipe(
    entryFields.schema,
    z.transform(({ images, hadImages, ...rest }) => ({
      ...rest,
      images: (images === undefined ? undefined : unpackedImages(images)) ?? usualImages(rest.state),
      hadImages: hadImages === undefined ? undefined : unpackedImages(hadImages),
    })),
  ),
  write: (entry) => {
    const isUsual = entry.images === usualImages(entry.state);
    return entryFields.write({
      ...entry,
      images: isUsual ? undefined : packedImages(entry.images),
      hadImages: entry.hadImages === undefined ? undefined : packedImages(entry.hadImages),
    });
  },
};

/** Reason of a pending node on which other caches have as many pull Pods as may be there: it is named in an event once one of them ends. */
export const nodeBusy = 'NodeBusy' as const;

/** Reason of a pending node while as many pull Pods as may run over all caches do: it is named in an event once one of them ends. */
export const surgeUsed = 'SurgeUsed' as const;

/** Reason of a pending node that needs an image of a registry which rests, or whose budget is used up. */
export const registryRests = 'RegistryRests' as const;

/** Reason of a pending node from which images that it must have are being removed: it is named in an event once that ends. */
export const removalRuns = 'RemovalInProgress' as const;

/** Whether a node waits until a removal there has ended. */
export const waitsForRemoval = ({ state, reason }: LedgerEntry): boolean =>
  state === 'Pending' && reason === removalRuns;

/** Whether a pending node waits for a registry. */
export const waitsForRegistry = ({ state, reason }: LedgerEntry): boolean =>
  state === 'Pending' && reason === registryRests;

/** Whether a node waits until fewer pull Pods run over all caches. */
export const waitsForSurge = ({ state, reason }: LedgerEntry): boolean => state === 'Pending' && reason === surgeUsed;

/** Whether a node waits for pull Pods of other caches to end. */
export const isNodeBusy = ({ state, reason }: LedgerEntry): boolean => state === 'Pending' && reason === nodeBusy;

/** The entry of a node that needs all its images and has had no Job. */
export const newEntry = (id: string, desiredHash: string): LedgerEntry => ({
  id,
  desiredHash,
  retainedHash: undefined,
  attempt: 0,
  rests: 0,
  state: 'Pending',
  reason: '',
  images: usualImages('Pending'),
  noop: undefined,
  failingUntil: undefined,
  opening: undefined,
  oneImagePerJob: false,
  retryDeadline: undefined,
  hadImages: undefined,
  copiesNoop: false,
  readyAt: undefined,
  lostAt: undefined,
  losses: 0,
  topology: undefined,
});

/** Whether images of the cache may be on the node: a Job was created for it, or it had everything already. */
export const mayHoldImages = (entry: LedgerEntry): boolean =>
  entry.hadImages !== undefined || entry.retainedHash !== undefined || hasTried(entry);

/** Whether the letters of the images show what the node has: before the first attempt, those to pull are only waiting. */
export const hasTried = ({ attempt, state, opening }: LedgerEntry): boolean =>
  opening !== undefined || attempt > 0 || state === 'Ready' || state === 'Failed';

/** The images that the node may have when the next attempts start. */
export const hadImagesOf = (entry: LedgerEntry): HadImages =>
  hasTried(entry) ? withPulled(entry.hadImages, entry) : entry.hadImages;

/** The hashes that say which images the node may hold. */
export const heldHashes = ({ desiredHash, retainedHash }: LedgerEntry): readonly string[] =>
  retainedHash === undefined ? [desiredHash] : [desiredHash, retainedHash];

/** A node whose Jobs were lost this many times counts as failed. */
export const maxAttempts = 3;

/** How often a node has tried. */
export const triesOf = ({ attempt, rests }: LedgerEntry): number => attempt - rests;

/** Whether the current attempt repeats images that failed. */
export const isSecondAttempt = (entry: LedgerEntry): boolean => entry.opening === undefined && hasFailedBefore(entry);

/** Whether a node waits for a Job or its result. */
export const isUnsettled = (entry: LedgerEntry): boolean => entry.state === 'Pending' || entry.state === 'Pulling';

/** Whether a node has lost images, and has not had all since. */
export const isLost = ({ state, lostAt, readyAt = -Infinity }: LedgerEntry): boolean =>
  state !== 'Ready' && lostAt !== undefined && lostAt > readyAt;

/** How often a node may lose images in succession before it waits with the next pull. */
export const maxLosses = 3;

/** Whether a node waits because it has lost images again and again. */
export const keepsLosing = (entry: LedgerEntry): boolean =>
  isLost(entry) && entry.state === 'Failed' && entry.losses >= maxLosses;

/** Whether pulls of an unsettled node have failed, and are tried again. */
export const isFailing = (entry: LedgerEntry): boolean =>
  isUnsettled(entry) && entry.opening === undefined && (hasFailing(entry) || hasFailedBefore(entry));

/** The state as counted: a Ready node that is away now counts as skipped, as it would have been before its pull. */
export const stateOf = ({ state, reason }: LedgerEntry): NodeState =>
  state === 'Ready' && reason !== '' ? 'Skipped' : state;
