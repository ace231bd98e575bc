import { BoundedMap } from '#model/text/bounded-map.ts';
import type { Logger } from 'pino';
import * as z from 'zod/mini';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { isNotFound, Rejected } from '#runtime/errors.ts';

/** Reads one object; undefined if it does not exist, or no object can have its name. */
export async function find<T>(api: Api, path: () => string, parse: (object: unknown) => T): Promise<T | undefined> {
  try {
    return parse(await api.request({ method: 'GET', path: path() }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

const versioned = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

/** The version of an object that a write returned; undefined if it has none. */
export const versionIn = (object: unknown): string | undefined =>
  versioned.safeParse(object).data?.metadata.resourceVersion;

/** An ImageCache that the API server stores and this version cannot parse, as after a rollback of the CRD. */
export type UnreadableCache = Pick<ImageCache, 'namespace' | 'name' | 'uid' | 'resourceVersion'> & {
  /** The first invalid field and what is wrong with it. */
  readonly problem: string;
  /** A suspended cache of the same name that desires all its images on every node: what it may need is not removed for others. */
  readonly placeholder: ImageCache;
};

/** A listing of ImageCaches, of which some may be unreadable. */
export type CacheListing = { readonly caches: readonly ImageCache[]; readonly unreadable: readonly UnreadableCache[] };

const text = z.catch(z.string(), '');
const texts = z.catch(z.optional(z.record(z.string(), z.string())), undefined);
const metadataOnly = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: text,
    uid: z.string(),
    resourceVersion: text,
    labels: texts,
    annotations: texts,
    creationTimestamp: z.optional(text),
    deletionTimestamp: z.optional(text),
  }),
});

/** What a Node is identified by: without it the Node would count as another machine of the same name. */
const nodeIdentity = z.extend(metadataOnly, {
  status: z.catch(z.optional(z.object({ nodeInfo: texts })), undefined),
});

/** What `error` says of the object: the path of the first invalid field, and why. */
function problemOf(error: unknown): string {
  const [issue] = error instanceof z.core.$ZodError ? error.issues : [];
  if (issue === undefined) return error instanceof Error ? error.message : String(error);
  return `${issue.path.map(String).join('.')}: ${expectationOf(issue)}`;
}

/** zod's small build says only "Invalid input". */
function expectationOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `expected one of ${issue.values.map(String).join(', ')}`;
  return issue.code === 'invalid_type' ? `expected ${issue.expected}` : issue.message;
}

/** Parses a cache, or returns what can be said of an unreadable one. Throws for what has no name and uid, which no API server stores. */
export function cacheOrUnreadable(object: unknown): ImageCache | UnreadableCache {
  try {
    return parseImageCache(object);
  } catch (error) {
    return unreadableCache(object, error);
  }
}

export const isUnreadable = (cache: ImageCache | UnreadableCache): cache is UnreadableCache => 'problem' in cache;

/** Parses a cache. One that cannot be parsed stays so until it is edited, which is another event. */
export function readableCache(object: unknown): ImageCache {
  const cache = cacheOrUnreadable(object);
  if (!isUnreadable(cache)) return cache;
  throw new Rejected(`ImageCache ${cache.namespace}/${cache.name} is invalid: ${cache.problem}`);
}

function unreadableCache(object: unknown, error: unknown): UnreadableCache {
  const { namespace, name, uid, resourceVersion } = metadataOnly.parse(object).metadata;
  const metadata = { namespace, name, uid, resourceVersion };
  const cacheSpec = [{ images: [...imagesIn(object), ...foundImagesIn(object)] }];
  return {
    ...metadata,
    problem: problemOf(error),
    placeholder: parseImageCache({ metadata, spec: { suspend: true, cacheSpec } }),
  };
}

/** Every string in `spec.cacheSpec[].images`, whatever else is wrong. */
function imagesIn(object: unknown): readonly string[] {
  const lists = itemsAt(itemAt(object, 'spec'), 'cacheSpec');
  return lists.flatMap((list) => itemsAt(list, 'images').filter((image) => typeof image === 'string'));
}

/** Every image that was found in workloads. */
const foundImagesIn = (object: unknown): readonly string[] =>
  itemsAt(itemAt(itemAt(object, 'status'), 'imagesFrom'), 'lists')
    .flatMap((list) => itemsAt(list, 'images').map((found) => itemAt(found, 'image')))
    .filter((image) => typeof image === 'string');

const itemAt = (object: unknown, key: string): unknown =>
  typeof object === 'object' && object !== null
    ? Object.entries(object).find(([name]) => name === key)?.[1]
    : undefined;

function itemsAt(object: unknown, key: string): readonly unknown[] {
  const items = itemAt(object, key);
  return Array.isArray(items) ? items : [];
}

/** Called for each object that is used by its metadata alone. */
export type OnUnreadable = (unreadable: { readonly object: string; readonly problem: string }) => void;

/**
 * Parses a Node, Pod or Job; one whose labels, spec or status are invalid by its metadata alone, so that it stops no other:
 * - a Node then is not ready: it gets no Jobs, and keeps its entry in the ledger;
 * - a Pod then is running, with containers of which nothing is known: its Job is waited for until the deadline;
 * - a Job then is there with an unknown outcome. It must not be taken for missing, or its images would be pulled a second time.
 */
export const byMetadataIfUnreadable =
  <T>(kind: 'Node' | 'Pod' | 'Job', parse: (object: unknown) => T, onUnreadable: OnUnreadable) =>
  (object: unknown): T => {
    try {
      return parse(object);
    } catch (error) {
      const read = (kind === 'Node' ? nodeIdentity : metadataOnly).safeParse(object);
      if (!read.success) throw error;
      const { namespace, name } = read.data.metadata;
      onUnreadable({ object: `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`, problem: problemOf(error) });
      return parse(read.data);
    }
  };

/** Most objects that are remembered as logged. */
const maxLogged = 1000;

/** Logs each unreadable object once: the same Node is listed many times. */
export function logUnreadable(log: Pick<Logger, 'warn'> | undefined): OnUnreadable {
  const logged = new BoundedMap<string, true>(maxLogged);
  return (unreadable) => {
    const key = JSON.stringify(unreadable);
    if (logged.has(key)) return;
    logged.set(key, true);
    log?.warn(unreadable, 'object is invalid: only its metadata is used');
  };
}
