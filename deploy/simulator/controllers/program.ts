import type { JsonObject } from '../json.ts';
import type { Image } from './image.ts';
import type { ImageUser } from './image-users.ts';

/** How a container ends: its exit code and its termination message. */
export type End = { readonly exitCode: number; readonly message: string };

/** The images of a node, as a container sees and changes them through the node's runtime. */
export type NodeImages = {
  readonly images: () => readonly Image[];
  /** Removes the content with this digest, under all its names. */
  readonly remove: (digest: string) => void;
  readonly users: () => readonly ImageUser[];
};

/** Simulates what a container does, given its spec; undefined for a container that it does not know. */
export type Program = (container: JsonObject, node: NodeImages) => End | undefined;
