/** What each node must have, and how far it is, by node name. */
export type Ledger = Readonly<Record<string, LedgerEntry>>;

export const nodeStates = ['Pending', 'Pulling', 'Ready', 'Failed', 'Skipped', 'Held'] as const;
export type NodeState = (typeof nodeStates)[number];

export const openings = ['Noop', 'Bare'] as const;
export type Opening = (typeof openings)[number];

export type LedgerEntry = {
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
  /** Indexes of the desired images that the current attempt pulls; undefined: all of them. */
  readonly pendingImages: readonly number[] | undefined;
  /** Indexes of the images that the last attempt failed to pull. */
  readonly failedImages: readonly number[];
  /** Indexes of the images that are not tried on this node, because others found that the registry does not have them. */
  readonly absentImages: readonly number[];
  /** Indexes of the images that the kubelet fails to pull in the current attempt, and pulls again by itself. */
  readonly failingImages: readonly number[];
  /** When the node is given up if these images still fail, in epoch milliseconds; undefined if none does. */
  readonly failingUntil: number | undefined;
  /**
   * The attempt opens its images: they are present, and its Pods have no credentials. `Noop` runs the no-op program in
   * them, `Bare` starts no program that exists, because the image of the no-op demands credentials.
   */
  readonly opening: Opening | undefined;
  /**
   * Indexes of images that only Pods with the credentials of the pull can start, although others may be allowed to; the
   * index after the last image is that of the no-op. undefined: no Job of this entry used credentials.
   */
  readonly lockedImages: readonly number[] | undefined;
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
  /** Jobs of the attempt that finished while others are running; undefined before the first. */
  readonly finishedJobs: FinishedJobs | undefined;
};

/** Results of Jobs of an attempt, recorded one by one so that a finished Job need not be read again. */
export type FinishedJobs = {
  /** Images per Job of the set. Results of a set with another number are discarded. */
  readonly imagesPerJob: number;
  /** Finished Jobs, each by the index of its first image. */
  readonly jobs: readonly number[];
  /** Indexes of the images that they failed to pull. */
  readonly failedImages: readonly number[];
  /** For one of the failed images, the kubelet reported no reason. */
  readonly inconclusive: boolean;
};

export const notFailing = { failingImages: [], failingUntil: undefined } as const;

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
  pendingImages: undefined,
  failedImages: [],
  absentImages: [],
  ...notFailing,
  opening: undefined,
  lockedImages: undefined,
  oneImagePerJob: false,
  retryDeadline: undefined,
  holdsImages: false,
  copiesNoop: false,
  topology: undefined,
  finishedJobs: undefined,
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
export const isSecondAttempt = ({ failedImages, opening }: LedgerEntry): boolean =>
  failedImages.length > 0 && opening === undefined;

/** Whether a node waits for a Job or its result. */
export const isUnsettled = (entry: LedgerEntry): boolean => entry.state === 'Pending' || entry.state === 'Pulling';

/** Whether pulls of an unsettled node have failed, and are tried again. */
export const isFailing = (entry: LedgerEntry): boolean =>
  isUnsettled(entry) && entry.opening === undefined && entry.failingImages.length + entry.failedImages.length > 0;

/** The state as counted: a Ready node that is away now counts as skipped, as it would have been before its pull. */
export const stateOf = ({ state, reason }: LedgerEntry): NodeState =>
  state === 'Ready' && reason !== '' ? 'Skipped' : state;
