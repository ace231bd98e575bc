import { applyPatch, type Operation } from 'rfc6902';
import * as z from 'zod/mini';
import type { Api, ApiCall } from '#runtime/api/api.ts';
import { ApiError, tooLarge } from '#runtime/errors.ts';
import { frozenCopies } from './frozen-copies.ts';
import { collectionOf, isIn, manifestPath, parseApiPath, type Collection } from './api-path.ts';
import { isSelected } from './selectors.ts';
import { lineStream, type LineStream } from './line-stream.ts';
import { StoredObject, withWrite } from './stored-object.ts';

const Deletion = z.object({ preconditions: z.optional(z.object({ uid: z.string() })) });
const JsonPatch = z.array(z.custom<Operation>((value) => typeof value === 'object'));

export type InMemoryApi = Api & {
  /** Every call so far, as `METHOD path`. */
  readonly calls: readonly string[];
  /** The calls since this was last called, as `METHOD path` with the path decoded. */
  readonly newCalls: () => readonly string[];
  /** The bodies sent with one method to paths with this ending, oldest first. */
  readonly bodies: (method: string, pathEnd: string) => readonly unknown[];
  readonly read: (path: string) => StoredObject | undefined;
  readonly list: (path: string) => readonly StoredObject[];
  /** Creates or updates an object as another client would; fills in uid, resourceVersion and creationTimestamp. */
  readonly put: (path: string, object: object) => void;
  /** Does the same with a whole manifest, whose path follows from its kind. */
  readonly apply: (manifest: object) => void;
  readonly remove: (path: string) => void;
  /** Refuses the next `times` calls that match, or runs a function before it answers them. A pattern is matched against `METHOD path` without query. */
  readonly refuse: (call: CallPattern, error: ApiError | (() => void), times?: number) => void;
  /** Does not answer calls that match, until they are aborted. */
  readonly hang: (call: CallPattern) => void;
  /** Ends all refusals, and hangs no longer. */
  readonly acceptAll: () => void;
  /** Limits how many objects a page of a list has. Default 500. */
  readonly limitPages: (objects: number) => void;
  /** Drops the watch history: a watch from an earlier resourceVersion gets 410. */
  readonly expireHistory: () => void;
  /** Ends all open watches, with an error if one is given. */
  readonly endWatches: (error?: ApiError) => void;
  /** Sends a line to every open watch. */
  readonly sendLine: (line: string) => void;
  /** While silent, open watches stay open but report no changes. */
  readonly setSilent: (isSilent: boolean) => void;
  readonly openWatches: () => number;
};

export type CallPattern = RegExp | ((call: ApiCall) => boolean);

export type InMemoryApiOptions = {
  /** Default: always midnight of 24 November 2026. */
  readonly now?: () => number;
  /** Whether watches may start with a streamed list; 'ignored' is a server that does not know `sendInitialEvents`. Default true. */
  readonly streams?: boolean | 'ignored';
};

type WatchEvent = {
  readonly version: number;
  readonly path: string;
  readonly type: string;
  readonly object: StoredObject;
};
type Watch = { readonly collection: Collection; readonly query: URLSearchParams; readonly stream: LineStream };
type Refusal = { readonly call: CallPattern; readonly error: ApiError | (() => void); left: number };

export const refusal = (status: number, reason: string, message: string): ApiError =>
  new ApiError(message, { status, reason });

export const expired = (): ApiError => refusal(410, 'Expired', 'too old resource version');

const midnight = Date.UTC(2026, 10, 24);

/**
 * An API server in memory, for tests of code that is given an `Api`: objects by path with optimistic locking, selectors, pages,
 * JSON patches and owner references, watches with history, and refusals on demand. Faults of the wire are for `scriptedServer`.
 * What it answers is frozen: who changes an answer fails, and reads need no copies.
 */
export function inMemoryApi({ now = () => midnight, streams = true }: InMemoryApiOptions = {}): InMemoryApi {
  const objects = new Map<string, StoredObject>();
  const frozen = frozenCopies();
  const history: WatchEvent[] = [];
  const watches = new Set<Watch>();
  const refusals: Refusal[] = [];
  const hanging: CallPattern[] = [];
  const calls: ApiCall[] = [];
  let firstNewCall = 0;
  let version = 100;
  let oldestVersion = 0;
  let pageSize = 500;
  let isSilent = false;

  const publish = (type: string, path: string, object: StoredObject): void => {
    const event = { version, path, type, object };
    history.push(event);
    if (isSilent) return;
    for (const watch of watches) if (concerns(event, watch)) watch.stream.push(lineOf(event));
  };

  const put = (path: string, object: unknown): StoredObject => {
    const known = objects.get(path);
    version += 1;
    const { metadata, ...rest } = StoredObject.parse(object);
    const defaults = {
      uid: known?.metadata.uid ?? `uid-${version}`,
      creationTimestamp: known?.metadata.creationTimestamp ?? new Date(now()).toISOString(),
    };
    const stored = frozen({ ...rest, metadata: { ...defaults, ...metadata, resourceVersion: String(version) } });
    objects.set(path, stored);
    publish(known === undefined ? 'ADDED' : 'MODIFIED', path, stored);
    return stored;
  };

  const remove = (path: string): void => {
    const known = objects.get(path);
    if (known === undefined) return;
    objects.delete(path);
    version += 1;
    publish('DELETED', path, { ...known, metadata: { ...known.metadata, resourceVersion: String(version) } });
  };

  const existing = (path: string): StoredObject => {
    const object = objects.get(path);
    if (object === undefined) throw refusal(404, 'NotFound', `${path} not found`);
    return object;
  };

  const inCollection = (collection: Collection): readonly StoredObject[] =>
    [...objects].flatMap(([path, object]) => (isIn(collection, path) ? [object] : []));

  function get(path: string, query: URLSearchParams, accept = ''): unknown {
    const collection = collectionOf(path);
    if (collection === undefined) return existing(path);
    const selected = inCollection(collection).filter((object) => isSelected(object, query));
    const from = Number(query.get('continue') ?? 0);
    const to = from + Math.min(pageSize, Number(query.get('limit') ?? Infinity));
    const items = selected.slice(from, to).map(({ metadata, ...rest }) => {
      return accept.includes('PartialObjectMetadata') ? { metadata } : { ...rest, metadata };
    });
    const next = to < selected.length ? { continue: String(to) } : {};
    return { metadata: { resourceVersion: String(version), ...next }, items };
  }

  function post(path: string, body: unknown): unknown {
    const created = `${path}/${StoredObject.parse(body).metadata.name}`;
    if (objects.has(created)) throw refusal(409, 'AlreadyExists', `${created} already exists`);
    return put(created, body);
  }

  function replace(path: string, body: unknown): unknown {
    const { resourceVersion } = StoredObject.parse(body).metadata;
    if (resourceVersion !== existing(path).metadata.resourceVersion) throw conflict();
    return put(path, body);
  }

  function patch(path: string, body: unknown): unknown {
    const target = path.replace(/\/status$/, '');
    const before = existing(target);
    const after = structuredClone(before);
    const failed = applyPatch(after, JsonPatch.parse(body)).filter((error) => error !== null);
    if (failed.length > 0) throw refusal(422, 'Invalid', failed.map(({ message }) => message).join());
    if (after.metadata.resourceVersion !== before.metadata.resourceVersion) throw conflict();
    const isStatus = path !== target;
    if (!isStatus) return put(target, { ...after, status: before['status'] });
    const metadata = withWrite(before, { manager: 'functions', subresource: 'status' }, now());
    return put(target, { ...before, metadata, status: after['status'] });
  }

  function removeWithDependents(path: string, body: unknown): unknown {
    const { uid } = existing(path).metadata;
    const precondition = Deletion.parse(body).preconditions?.uid;
    if (precondition !== undefined && precondition !== uid)
      throw refusal(409, 'Conflict', 'the UID in the precondition differs');
    remove(path);
    for (const [dependent, { metadata }] of [...objects])
      if (metadata.ownerReferences?.some((owner) => owner.uid === uid) === true) remove(dependent);
    return {};
  }

  function watch(path: string, query: URLSearchParams): LineStream {
    const collection = collectionOf(path);
    if (collection === undefined) throw refusal(404, 'NotFound', `${path} cannot be watched`);
    const isStreamed = query.get('sendInitialEvents') === 'true';
    if (isStreamed && streams === false) throw refusal(422, 'Invalid', 'sendInitialEvents is forbidden');
    const stream = lineStream();
    const opened = { collection, query, stream };
    const from = Number(query.get('resourceVersion') ?? version);
    if (isStreamed && streams === true) {
      for (const object of inCollection(collection))
        if (isSelected(object, query)) stream.push(lineOf({ type: 'ADDED', object }));
      stream.push(bookmark(version, { 'k8s.io/initial-events-end': 'true' }));
    } else if (from < oldestVersion) {
      const status = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' };
      stream.push(JSON.stringify({ type: 'ERROR', object: status }));
      return stream;
    } else for (const event of history) if (event.version > from && concerns(event, opened)) stream.push(lineOf(event));
    watches.add(opened);
    stream.onEnd(() => watches.delete(opened));
    return stream;
  }

  /** Records a call, and throws if it is to be refused. */
  function admit(call: ApiCall): { readonly path: string; readonly query: URLSearchParams } {
    calls.push(call);
    const refused = refusals.find(({ call: pattern, left }) => left > 0 && matches(call, pattern));
    if (refused !== undefined) {
      refused.left -= 1;
      if (refused.error instanceof ApiError) throw refused.error;
      refused.error();
    }
    return parseApiPath(call.path);
  }

  function answer(call: ApiCall): unknown {
    const { path, query } = admit(call);
    if (call.method === 'POST') return post(path, call.body);
    if (call.method === 'PUT') return replace(path, call.body);
    if (call.method === 'PATCH') return patch(path, call.body);
    if (call.method === 'DELETE') return removeWithDependents(path, call.body);
    const read = get(path, query, call.accept);
    if (call.maxBytes === undefined || JSON.stringify(read).length <= call.maxBytes) return read;
    throw tooLarge(`${call.method} ${path}: the answer exceeds ${call.maxBytes} bytes`);
  }

  async function request(call: ApiCall): Promise<unknown> {
    await Promise.resolve();
    if (hanging.some((pattern) => matches(call, pattern))) {
      calls.push(call);
      await aborted(call);
    }
    return answer(call);
  }

  return {
    server: 'https://api.test:6443',
    context: 'test',
    namespace: 'default',
    request,
    lines: async function* (call) {
      await Promise.resolve();
      const { path, query } = admit(call);
      const stream = watch(path, query);
      call.signal?.addEventListener('abort', () => {
        stream.end();
      });
      try {
        yield* stream.lines();
      } finally {
        stream.end();
      }
    },
    metrics: () => ({ calls: { GET: 0, POST: 0, PUT: 0, PATCH: 0, DELETE: 0 }, bytesRead: 0 }),
    close: () => undefined,
    get calls() {
      return calls.map(({ method, path }) => `${method} ${path}`);
    },
    newCalls: () => {
      const fresh = calls.slice(firstNewCall);
      firstNewCall = calls.length;
      return fresh.map(({ method, path }) => `${method} ${decodeURIComponent(path)}`);
    },
    bodies: (method, pathEnd) =>
      calls.flatMap((call) => (call.method === method && call.path.endsWith(pathEnd) ? [call.body] : [])),
    read: (path) => objects.get(path),
    list: (path) => inCollection(collectionOf(path) ?? { before: path, after: '' }),
    put: (path, object) => void put(path, object),
    apply: (manifest) => void put(manifestPath(manifest), manifest),
    remove,
    refuse: (call, error, times = 1) => void refusals.push({ call, error, left: times }),
    hang: (call) => void hanging.push(call),
    acceptAll: () => {
      refusals.splice(0);
      hanging.splice(0);
    },
    limitPages: (count) => void (pageSize = count),
    expireHistory: () => void (oldestVersion = version += 1),
    endWatches: (error) => {
      for (const { stream } of [...watches]) stream.end(error);
    },
    sendLine: (line) => {
      for (const { stream } of watches) stream.push(line);
    },
    setSilent: (silent) => void (isSilent = silent),
    openWatches: () => watches.size,
  };
}

export const bookmark = (version: number, annotations: Readonly<Record<string, string>> = {}): string =>
  JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(version), annotations } } });

/** Rejects when the call is aborted, as the client of an API server does. */
async function aborted({ path, signal }: ApiCall): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const end = (): void => reject(refusal(0, '', `GET ${path}: no answer`));
  if (signal?.aborted === true) end();
  signal?.addEventListener('abort', end, { once: true });
  return promise;
}

const conflict = (): ApiError => refusal(409, 'Conflict', 'the object has been modified');

const lineOf = ({ type, object }: Pick<WatchEvent, 'type' | 'object'>): string => JSON.stringify({ type, object });

const concerns = ({ path, object }: WatchEvent, { collection, query }: Watch): boolean =>
  isIn(collection, path) && isSelected(object, query);

const matches = (call: ApiCall, pattern: CallPattern): boolean =>
  pattern instanceof RegExp ? pattern.test(`${call.method} ${parseApiPath(call.path).path}`) : pattern(call);
