/** A Node to put into an image: its program on this machine, the files that go with it, and whether it can be run here. */
export type Runtime = {
  readonly node: string;
  readonly isHost: boolean;
  readonly libraries: readonly Library[];
};

/** A shared library: where it is here, and where it belongs in the image. */
export type Library = { readonly from: string; readonly path: string };
