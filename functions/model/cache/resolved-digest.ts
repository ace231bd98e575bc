import type { RateLimit } from './registry-use.ts';

/** A registry's answer for a reference. `unknown` is no answer and says nothing about the image. */
export type ResolvedDigest = (
  | { readonly type: 'digest'; readonly digest: string }
  | { readonly type: 'absent' }
  /** `reason` is a sentence without secrets. */
  | { readonly type: 'unknown'; readonly reason: string }
) & {
  /** What the registry reported about its limit. */
  readonly limit?: RateLimit;
};

/** By normalised reference. References that were not resolved are absent. */
export type Resolutions = ReadonlyMap<string, ResolvedDigest>;
