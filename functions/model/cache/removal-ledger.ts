/** What is to go from every node, and how far that is, by node name. A node that has nothing to lose has no entry. */
export type RemovalLedger = Readonly<Record<string, RemovalEntry>>;

export const removalStates = ['Pending', 'Removing', 'Removed', 'Failed', 'Skipped'] as const;
export type RemovalState = (typeof removalStates)[number];

export type RemovalEntry = {
  /** Which machine this is: clouds reuse names. */
  readonly id: string;
  /** Hash of the images that are to go; `status.toRemove` says what it stands for. */
  readonly imagesHash: string;
  /** The round in which the entry was made; part of the names of its Jobs. */
  readonly round: number;
  /** Counts the Jobs made for this want. 0 before the first. */
  readonly attempt: number;
  readonly state: RemovalState;
  /** Why a node is skipped or has failed, in a word and in a sentence; '' otherwise. */
  readonly reason: string;
  readonly message: string;
  /** Images that went, that were not there, and that stayed. */
  readonly removed: number;
  readonly absent: number;
  readonly spared: number;
  /** Bytes, by the runtime's count. */
  readonly freedBytes: number;
  /** Of the spared ones as many as there is room for. */
  readonly sparedImages: readonly SparedImage[];
};

/** `by` names who needs it, as far as the reason has somebody. */
export type SparedImage = { readonly image: string; readonly reason: SpareReason; readonly by: string };

/** A node that has had no Job yet. */
export const newRemovalEntry = (id: string, want: string, round: number): RemovalEntry => ({
  id,
  imagesHash: want,
  round,
  attempt: 0,
  state: 'Pending',
  reason: '',
  message: '',
  removed: 0,
  absent: 0,
  spared: 0,
  freedBytes: 0,
  sparedImages: [],
});

/** A node that still waits for a Job or for its result. */
export const isRemovalUnsettled = ({ state }: RemovalEntry): boolean => state === 'Pending' || state === 'Removing';
/** Why an image was left: another cache wants it, or another name of it; a container needs it; the runtime pins it. */
export const spareReasons = ['Wanted', 'SharedTag', 'InUse', 'Pinned'] as const;
export type SpareReason = (typeof spareReasons)[number];
