import type { ImageCache } from '#model/cache/image-cache.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { Pod } from '#model/job/job.ts';
import type { Node } from '#model/node/node.ts';

/** `holds`: this step keeps the node from being ready, and waiting may help; `fails`: it needs somebody. */
export type Step = { readonly verdict: 'ok' | 'holds' | 'fails'; readonly text: string };

/** What an explanation is made from. */
export type Explained = {
  readonly cache: ImageCache;
  readonly name: string;
  readonly node: Node;
  /** The pull Pods of the cache on the node; undefined if they cannot be read. */
  readonly pods: readonly Pod[] | undefined;
  readonly settings: Settings;
  readonly now: number;
};

export const step = (verdict: Step['verdict'], text: string): Step => ({ verdict, text });
