import * as z from 'zod/mini';
import { normalisedReference } from '#model/text/image-reference.ts';
import type { AnonymousPull } from './access.ts';
import { type FoundImages, foundImages, nothingFound } from './found-images.ts';
import { emptyStatus, type ImageCache, type Spec, type Status } from './image-cache.ts';
import { imageCache } from './image-cache-schema.ts';
import type { LedgerEntry } from './ledger.ts';
import type { KnownDigest } from './known-digest.ts';
import { spec } from './spec-schema.ts';
import type { image, status } from './status-schema.ts';
import { findsImages, specWith } from './with-found.ts';

/**
 * Parses an ImageCache from the API server. Throws a ZodError that names the field if the CRD would reject the spec, or if what
 * workloads named cannot be read, as after a newer version: the cache is then left alone.
 */
export function parseImageCache(object: unknown): ImageCache {
  const { metadata, ...rest } = imageCache.parse(object);
  const { deletionTimestamp, managedFields, ...names } = metadata;
  const parsedSpec = toSpec(rest.spec ?? spec.parse({}));
  const discardedFormat = unreadFormat(object);
  const stored = rest.status === undefined ? emptyStatus : toStatus(rest.status, parsedSpec);
  const parsedStatus = discardedFormat === undefined ? stored : withoutLedger(stored);
  const found = findsImages(parsedSpec) ? parsedStatus.found : nothingFound;
  return {
    ...names,
    isBeingDeleted: deletionTimestamp !== '',
    statusWrittenAt: lastWritten(managedFields),
    found,
    spec: specWith(parsedSpec, found),
    discardedFormat,
    status: parsedStatus,
  };
}

/** Format of the status, increased with each change that an older or newer version would misread. */
export const statusFormat = 1;

const statusFields = z.object({ status: z.record(z.string(), z.unknown()) });

/** Fields that kube-fledged writes. A status with others but without a format is one of ours, of an unknown format. */
const kubeFledgedFields = new Set(['status', 'reason', 'message', 'startTime', 'completionTime', 'failures']);

/** The format of a stored status if it is another than ours. */
function unreadFormat(object: unknown): string | undefined {
  const { format, ...fields } = statusFields.safeParse(object).data?.status ?? {};
  if (format === statusFormat) return undefined;
  if (format !== undefined) return JSON.stringify(format);
  return Object.keys(fields).every((field) => kubeFledgedFields.has(field)) ? undefined : 'none';
}

/**
 * What is kept of a discarded status: what may have to be removed, what workloads named, and the number of the round, which
 * names Jobs. A purged cache stays purged: it has no ledger.
 */
const withoutLedger = (status: Status): Status =>
  status.round?.operation === 'Purge'
    ? { ...status, nodes: {}, desired: {} }
    : {
        ...emptyStatus,
        found: status.found,
        placements: status.placements,
        removals: status.removals,
        toRemove: status.toRemove,
        round: status.round,
      };

const lastWritten = (fields: z.infer<typeof imageCache>['metadata']['managedFields']): number | undefined =>
  fields
    .flatMap(({ subresource, time }) => (subresource === 'status' ? (time ?? []) : []))
    .toSorted((a, b) => b - a)[0];

const toSpec = ({ cacheSpec, imagePullSecrets, refresh, ...rest }: z.infer<typeof spec>): Spec => ({
  ...rest,
  lists: cacheSpec,
  foundPullSecrets: [],
  refreshSeconds: refresh?.intervalSeconds,
  refreshSchedule:
    refresh?.schedule === undefined ? undefined : { schedule: refresh.schedule, timeZone: refresh.timeZone },
  imagePullSecrets: [...new Set(imagePullSecrets.map(({ name }) => name).filter((name) => name !== ''))],
});

function toStatus({ images, imagesFrom, ...rest }: z.infer<typeof status>, spec: Spec): Status {
  const digests = images.flatMap(({ image, digest }) => (digest === '' ? [] : [[image, digest] as const]));
  return {
    ...rest,
    digests: Object.fromEntries(digests),
    anonymousPulls: Object.fromEntries(images.flatMap(anonymousPullOf)),
    knownDigests: Object.fromEntries(images.flatMap(knownDigestIn)),
    absentImages: images.flatMap(({ image, registryAnswer }) => (registryAnswer === undefined ? [] : [image])),
    nodes: rest.nodes satisfies Readonly<Record<string, LedgerEntry>>,
    found: foundIn(imagesFrom, spec),
  };
}

const statusOfFound = z.object({ status: z.object({ imagesFrom: z.nullish(foundImages.schema) }) });

/** What cannot be read counts as absent only in a cache that takes no images from workloads any more. */
function foundIn(imagesFrom: unknown, spec: Spec): FoundImages {
  const { data, error } = statusOfFound.safeParse({ status: { imagesFrom } });
  if (error !== undefined && findsImages(spec)) throw error;
  return data?.status.imagesFrom ?? nothingFound;
}

const anonymousPullOf = (entry: z.infer<typeof image>): readonly (readonly [string, AnonymousPull])[] =>
  entry.anonymousPull === undefined ? [] : [[normalisedReference(entry.image), entry.anonymousPull]];

/** The known digest of an image; none if the image does not move. */
function knownDigestIn(entry: z.infer<typeof image>): readonly (readonly [string, KnownDigest])[] {
  const { resolvedDigest, unresolvedReason, digestMismatch, lastUnresolvedPullTime: lastUnresolvedPull } = entry;
  const isKnown = resolvedDigest !== '' || unresolvedReason !== '' || lastUnresolvedPull !== undefined;
  const known = { digest: resolvedDigest, unresolvedReason, hasMismatch: digestMismatch, lastUnresolvedPull };
  return isKnown ? [[entry.image, known]] : [];
}
