/** What a registry says that a reference stands for now. Only a digest and an absence are facts. */
export type ResolvedDigest =
  | { readonly type: 'digest'; readonly digest: string }
  | { readonly type: 'absent' }
  /** `reason` is a sentence without secrets. */
  | { readonly type: 'unknown'; readonly reason: string };

/** By normalised reference; what is missing was not asked for. */
export type Resolutions = ReadonlyMap<string, ResolvedDigest>;
