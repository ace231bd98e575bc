/** An image as the runtime lists it. */
export type RuntimeImage = {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  /** Its size as the runtime reports it, including layers shared with other images. */
  readonly bytes: number;
  /** Whether the runtime must keep it, such as the pause image. */
  readonly isPinned: boolean;
};

/** A container, running or not: a stopped one needs its images when it is restarted. */
export type RuntimeContainer = {
  /** namespace/name */
  readonly pod: string;
  readonly podLabels: Readonly<Record<string, string>>;
  readonly name: string;
  readonly isRunning: boolean;
  /** Ids, tags and digests of the images that it runs and mounts. */
  readonly images: readonly string[];
};

/** The state that removals are planned from. */
export type RuntimeState = {
  readonly images: readonly RuntimeImage[];
  readonly containers: readonly RuntimeContainer[];
};
