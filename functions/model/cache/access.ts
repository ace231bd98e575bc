import { normalisedReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** What a registry answers to a request for an image without credentials. */
export const anonymousPulls = ['Allowed', 'Denied'] as const;
export type AnonymousPull = (typeof anonymousPulls)[number];

/** By normalised reference, so that another spelling is the same image; images of which nothing is known are absent. */
export type AnonymousPulls = Readonly<Record<string, AnonymousPull>>;

/** What is known of an image; undefined if nothing is. */
export const anonymousPullOf = (pulls: AnonymousPulls, image: string): AnonymousPull | undefined =>
  ownEntry(pulls, normalisedReference(image));
