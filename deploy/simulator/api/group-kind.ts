/** What a kind is called in errors and paths. */
export type GroupKind = { readonly group: string; readonly kind: string; readonly plural: string };
