import * as z from 'zod/mini';
import { annotations, fieldManager } from './api.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { type AnonymousPull, anonymousPulls, type KnownDigest } from './image-answers.ts';
import { type FoundImages, foundImages, nothingFound, findsImages, specWith } from './found-images.ts';
import {
  emptyStatus,
  type ImageCache,
  type Spec,
  type Status,
  condition,
  placement,
  statusValues,
  storedFailures,
} from './image-cache.ts';
import { type LedgerEntry, ledgerEntry } from './ledger.ts';
import { spec, optional, strings, texts, time, withDefault } from './spec-schema.ts';
import { list, map } from './codec.ts';
import { registryUse } from './registry-use.ts';
import { removalEntry } from './removal-ledger.ts';
import { storedRound } from './round.ts';

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
    statusWrittenAt: lastWritten(managedFields)?.time,
    isStatusPruned: isPruned(object, managedFields),
    annotatedAt: annotatedAt(managedFields),
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

const storedFields = (object: unknown): Readonly<Record<string, unknown>> =>
  statusFields.safeParse(object).data?.status ?? {};

/** The format of a stored status if it is another than ours. */
function unreadFormat(object: unknown): string | undefined {
  const { format, ...fields } = storedFields(object);
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

type Managed = z.infer<typeof managed>;

/** The latest write of the status: by its subresource, or, under a CRD that has none, with the whole object. */
const lastWritten = (fields: readonly Managed[]): Managed | undefined =>
  fields
    .filter(({ subresource, fieldsV1 }) => subresource === 'status' || fieldsV1?.['f:status'] !== undefined)
    .toSorted((a, b) => (b.time ?? 0) - (a.time ?? 0))[0];

/** Every status that we write has a format, and a field manager that names our installation. */
function isPruned(object: unknown, fields: readonly Managed[]): boolean {
  const stored = Object.keys(storedFields(object));
  const isLeft = stored.length > 0 && stored.every((field) => kubeFledgedFields.has(field));
  return isLeft && lastWritten(fields)?.manager.startsWith(`${fieldManager}.`) === true;
}

/** When each annotation was last written that requests a round. */
const annotatedAt = (fields: readonly Managed[]): ImageCache['annotatedAt'] =>
  Object.fromEntries(
    fields.flatMap(({ time, fieldsV1 }) =>
      [annotations.refresh, annotations.purge].flatMap((key) =>
        time !== undefined && `f:${key}` in (fieldsV1?.['f:metadata']?.['f:annotations'] ?? {}) ? [[key, time]] : [],
      ),
    ),
  );

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

/** An entry of `status.images`. */
const image = z.object({
  image: z.string(),
  digest: withDefault(z.string(), ''),
  anonymousPull: optional(z.enum(anonymousPulls)),
  resolvedDigest: withDefault(z.string(), ''),
  unresolvedReason: withDefault(z.string(), ''),
  digestMismatch: withDefault(z.boolean(), false),
  lastUnresolvedPullTime: time,
  registryAnswer: optional(z.literal('NotFound')),
});

/** `status` as stored. Invalid fields count as absent: at worst, work is repeated. */
const status = z.object({
  status: z.catch(withDefault(z.enum(statusValues), ''), 'Unknown'),
  reason: z.catch(withDefault(z.string(), ''), ''),
  message: z.catch(withDefault(z.string(), ''), ''),
  startTime: z.catch(time, undefined),
  completionTime: z.catch(time, undefined),
  failures: z.catch(storedFailures.schema, {}),
  observedGeneration: z.catch(optional(z.number()), undefined),
  conditions: z.catch(list(condition).schema, []),
  images: z.catch(withDefault(z.array(image), []), []),
  nodes: z.catch(map(ledgerEntry).schema, {}),
  desired: z.catch(withDefault(z.record(z.string(), z.array(z.number())), {}), {}),
  // Not as if it were absent: the images of workloads would then be removed.
  imagesFrom: z.optional(z.unknown()),
  placements: z.catch(list(placement).schema, []),
  removals: z.catch(map(removalEntry).schema, {}),
  toRemove: z.catch(withDefault(z.record(z.string(), strings), {}), {}),
  round: z.catch(optional(storedRound.schema), undefined),
  lastRefreshTime: z.catch(time, undefined),
  nextRefreshTime: z.catch(time, undefined),
  nextWaveTime: z.catch(time, undefined),
  registries: z.catch(map(registryUse).schema, {}),
  lastHandledRefreshAt: z.catch(withDefault(z.string(), ''), ''),
  lastHandledPurgeAt: z.catch(withDefault(z.string(), ''), ''),
});

const fieldsV1 = z.object({
  'f:status': z.optional(z.unknown()),
  'f:metadata': z.optional(z.object({ 'f:annotations': z.optional(z.record(z.string(), z.unknown())) })),
});

/** Who has written which fields, and when. */
const managed = z.object({
  manager: withDefault(z.string(), ''),
  subresource: withDefault(z.string(), ''),
  time,
  fieldsV1: z.catch(optional(fieldsV1), undefined),
});

/** An ImageCache as the API server sends it; the CRD documents the fields. */
const imageCache = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: withDefault(z.number(), 0),
    deletionTimestamp: withDefault(z.string(), ''),
    annotations: withDefault(texts, {}),
    finalizers: withDefault(strings, []),
    managedFields: withDefault(z.array(managed), []),
  }),
  spec: optional(spec),
  status: optional(status),
});
