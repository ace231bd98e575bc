/** What a registry answers to a request for an image without credentials. */
export const anonymousPulls = ['Allowed', 'Denied'] as const;
export type AnonymousPull = (typeof anonymousPulls)[number];

/** By image, as spelled in the spec; images of which nothing is known are absent. */
export type AnonymousPulls = Readonly<Record<string, AnonymousPull>>;
