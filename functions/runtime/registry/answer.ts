/** What a reference stands for now. Only a digest and an absence are facts. */
export type Answer =
  | { readonly type: 'digest'; readonly digest: string }
  | { readonly type: 'absent' }
  /** `reason` is a sentence without secrets; `retryAfterMs` is told where asking again sooner is in vain. */
  | { readonly type: 'unknown'; readonly reason: string; readonly retryAfterMs?: number };
