/** The pull secrets that a Pod has after admission, which adds those of its service account if it names none. */
export type PullSecrets =
  | { readonly isKnown: true; readonly names: readonly string[]; readonly isFromServiceAccount: boolean }
  /** `why` continues a sentence. */
  | { readonly isKnown: false; readonly why: string };
