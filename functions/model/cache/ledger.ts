/** The ledger: what every node must hold, how far that is, by node name. One entry serves create, edit, label change, joining and re-created nodes. */
export type Ledger = Readonly<Record<string, LedgerEntry>>;

export const nodeStates = ['Pending', 'Pulling', 'Ready', 'Failed', 'Skipped'] as const;
export type NodeState = (typeof nodeStates)[number];

export type LedgerEntry = {
  /** Which machine this is: clouds reuse names. */
  readonly id: string;
  /** Hash of what the node must hold. */
  readonly desiredHash: string;
  /** Counts the sets of Jobs made for this want; part of their names. 0 before the first. */
  readonly attempt: number;
  readonly state: NodeState;
  /** Why a node is skipped; '' otherwise. */
  readonly reason: string;
  /** Which of the want's sorted images the current attempt pulls, by index; undefined is all of them. */
  readonly pendingImages: readonly number[] | undefined;
  /** Indexes of images that the last try could not get. */
  readonly failedImages: readonly number[];
  /** The attempt has one image a Job: their deadlines are exact. */
  readonly oneImagePerJob: boolean;
  /** Image volumes were refused here: images are started with the copied no-op instead. */
  readonly copiesNoop: boolean;
  /** Those of the attempt's Jobs that have ended while others have not; undefined before the first. */
  readonly finishedJobs: FinishedJobs | undefined;
};

/** What Jobs of an attempt have come to: recorded one by one, so that none has to be looked at again when another ends. */
export type FinishedJobs = {
  /** Images a Job: of a set that is cut another way by now, nothing has ended. */
  readonly imagesPerJob: number;
  /** Each Job by the first of its images, an index. */
  readonly jobs: readonly number[];
  /** Indexes of images that they could not get. */
  readonly failedImages: readonly number[];
  /** Of one of these there was no word of a kubelet. */
  readonly inconclusive: boolean;
};

/** A node that needs all of its images and has had no Job yet. */
export const newEntry = (id: string, want: string): LedgerEntry => ({
  id,
  desiredHash: want,
  attempt: 0,
  state: 'Pending',
  reason: '',
  pendingImages: undefined,
  failedImages: [],
  oneImagePerJob: false,
  copiesNoop: false,
  finishedJobs: undefined,
});

/** Lost work is done again, but not for ever: after so many sets of Jobs a node counts as failed. */
export const maxAttempts = 3;

/** A node that still waits for a Job or for a Job's result. */
export const isUnsettled = (entry: LedgerEntry): boolean => entry.state === 'Pending' || entry.state === 'Pulling';
