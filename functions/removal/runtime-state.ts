/** An image as the runtime has it. */
export type RuntimeImage = {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  /** Its size by the runtime's own count; layers that it shares with other images are in it. */
  readonly bytes: number;
  /** The runtime or its owner needs it whatever runs, such as the pause image. */
  readonly isPinned: boolean;
};

/** A container, running or not: what it was made from can be asked for again when it is started anew. */
export type RuntimeContainer = {
  /** namespace/name */
  readonly pod: string;
  readonly podLabels: Readonly<Record<string, string>>;
  readonly name: string;
  readonly isRunning: boolean;
  /** Every word by which it says what it runs and what it mounts: ids, tags, digests. */
  readonly images: readonly string[];
};

/** All that a removal is decided by. */
export type RuntimeState = {
  readonly images: readonly RuntimeImage[];
  readonly containers: readonly RuntimeContainer[];
};
