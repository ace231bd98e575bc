import { type ImageStates, hasFailedBefore, hasFailing, usualImages } from './image-states.ts';

/** What each node must have, and how far it is, by node name. */
export type Ledger = Readonly<Record<string, LedgerEntry>>;

export const nodeStates = ['Pending', 'Pulling', 'Ready', 'Failed', 'Skipped', 'Held'] as const;
export type NodeState = (typeof nodeStates)[number];

export const openings = ['Noop', 'Bare'] as const;
export type Opening = (typeof openings)[number];

export type LedgerEntry = ImageStates & {
  /** Identifies the machine, because clouds reuse node names. */
  readonly id: string;
  /** Hash of the images and settings that the node must have. */
  readonly desiredHash: string;
  /**
   * Hash of the images that stay on the node although its taints keep some of them from it now; undefined if there are none, or
   * if these are all that `desiredHash` stands for.
   */
  readonly retainedHash: string | undefined;
  /** Number of sets of Jobs created for this desired hash; part of their names. 0 before the first. */
  readonly attempt: number;
  /** How many of these ended because a registry throttled the node: they do not count as tries. */
  readonly rests: number;
  readonly state: NodeState;
  /** Why a node is skipped or held, why a Ready node is away, or `nodeBusy` on a pending one; '' otherwise. */
  readonly reason: string;
  /** When the node is given up if the images that fail still do, in epoch milliseconds; undefined if none does. */
  readonly failingUntil: number | undefined;
  /**
   * The attempt opens its images: they are present, and its Pods have no credentials. `Noop` runs the no-op program in
   * them, `Bare` starts no program that exists, because the image of the no-op demands credentials.
   */
  readonly opening: Opening | undefined;
  /** The attempt has one Job per image, because the kubelet did not report in time which of them it cannot pull. */
  readonly oneImagePerJob: boolean;
  /** When the second attempt must have ended, in epoch milliseconds; undefined: no limit, or no Job has finished yet. */
  readonly retryDeadline: number | undefined;
  /** Images of the cache may be on the node although the current attempt is its first: earlier ones pulled. */
  readonly holdsImages: boolean;
  /** Image volumes failed on this node: containers run a copied no-op instead. */
  readonly copiesNoop: boolean;
  /** The value of the rollout's topologyKey on the node, '' if it has none; undefined without such a key. */
  readonly topology: string | undefined;
};

/** Reason of a pending node on which other caches have as many pull Pods as may be there: it is named in an event once one of them ends. */
export const nodeBusy = 'NodeBusy' as const;

/** Reason of a pending node that needs an image of a registry which rests, or whose budget is used up. */
export const registryRests = 'RegistryRests' as const;

/** Whether a pending node waits for a registry. */
export const waitsForRegistry = ({ state, reason }: LedgerEntry): boolean =>
  state === 'Pending' && reason === registryRests;

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
  holdsImages: false,
  copiesNoop: false,
  topology: undefined,
});

/** Whether images of the cache may be on the node: a Job was created for it, or it had everything already. */
export const mayHoldImages = ({ attempt, state, opening, holdsImages, retainedHash }: LedgerEntry): boolean =>
  holdsImages ||
  retainedHash !== undefined ||
  opening !== undefined ||
  attempt > 0 ||
  state === 'Ready' ||
  state === 'Failed';

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

/** Whether pulls of an unsettled node have failed, and are tried again. */
export const isFailing = (entry: LedgerEntry): boolean =>
  isUnsettled(entry) && entry.opening === undefined && (hasFailing(entry) || hasFailedBefore(entry));

/** The state as counted: a Ready node that is away now counts as skipped, as it would have been before its pull. */
export const stateOf = ({ state, reason }: LedgerEntry): NodeState =>
  state === 'Ready' && reason !== '' ? 'Skipped' : state;
