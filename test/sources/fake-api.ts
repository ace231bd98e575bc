import type { Api, ApiCall } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { at, isObject, textAt, type Json } from '../../sources/kubernetes/json.ts';

/** An API server in memory: collections with list paging, watches with history, streamed lists, and Leases' optimistic lock. */
export type FakeApi = Api & {
  /** Every call made so far, as `METHOD path`. */
  readonly calls: readonly string[];
  /** Creates or updates; fills in uid and resourceVersion. */
  readonly put: (object: Json) => void;
  readonly remove: (plural: string, key: string) => void;
  readonly get: (plural: string, key: string) => Json | undefined;
  /** How many objects a page of a list has; 500 until told otherwise. */
  readonly pageSize: (objects: number) => void;
  /** Forgets all history: whoever watches from before gets 410. */
  readonly expire: () => void;
  /** Ends all open watches, with an error if one is given. */
  readonly breakWatches: (error?: ApiError) => void;
  /** Sends a line to every open watch. */
  readonly say: (line: string) => void;
  /** Open watches stay open, but nothing comes any more. */
  readonly mute: (muted: boolean) => void;
  readonly watches: () => number;
  /** Looked at before each call; throws what it returns. */
  refuse: (call: ApiCall) => ApiError | undefined;
};

export type Behaviour = {
  /** Whether streamed lists are taken; 'ignored' is a server that has never heard of them and just watches. */
  readonly streams?: boolean | 'ignored';
};

type Fact = { readonly version: number; readonly plural: string; readonly type: string; readonly object: Json };
type Watcher = Omit<Target, 'key' | 'query'> & { readonly selector: string; readonly stream: Stream };

export const expired = (): ApiError => new ApiError('too old', { status: 410, reason: 'Expired' });
const plurals: Readonly<Record<string, string>> = {
  ImageCache: 'imagecaches',
  Job: 'jobs',
  Pod: 'pods',
  Node: 'nodes',
  Lease: 'leases',
};

export function fakeApi({ streams = true }: Behaviour = {}): FakeApi {
  let version = 100;
  let uids = 0;
  let oldest = 0;
  let size = 500;
  let isMuted = false;
  const objects = new Map<string, Json>();
  const history: Fact[] = [];
  const watchers = new Set<Watcher>();
  const calls: string[] = [];

  const record = (type: string, plural: string, object: Json): void => {
    const fact = { version, plural, type, object };
    history.push(fact);
    if (isMuted) return;
    for (const watcher of watchers) if (concerns(fact, watcher)) watcher.stream.push(lineOf(fact));
  };
  const put = (object: Json): Json => {
    const plural = plurals[textAt(object, 'kind') ?? ''] ?? '';
    const id = `${plural} ${keyOf(object)}`;
    const known = objects.get(id);
    version += 1;
    const uid = textAt(object, 'metadata', 'uid') ?? textAt(known, 'metadata', 'uid') ?? `uid-${(uids += 1)}`;
    const metadata = { ...part(object, 'metadata'), uid, resourceVersion: String(version) };
    const stored = { ...object, metadata };
    objects.set(id, stored);
    record(known === undefined ? 'ADDED' : 'MODIFIED', plural, stored);
    return stored;
  };
  const remove = (plural: string, key: string): void => {
    const known = objects.get(`${plural} ${key}`);
    if (known === undefined) return;
    objects.delete(`${plural} ${key}`);
    version += 1;
    record('DELETED', plural, { ...known, metadata: { ...part(known, 'metadata'), resourceVersion: String(version) } });
  };
  const all = ({ plural, namespace }: Omit<Target, 'key' | 'query'>, selector: string): readonly Json[] =>
    [...objects]
      .filter(
        ([id, object]) =>
          id.startsWith(`${plural} ${namespace ? `${namespace}/` : ''}`) && isSelected(object, selector),
      )
      .map(([, object]) => object);

  const listPage = (target: Target): Json => {
    const { query } = target;
    const from = Number(query.get('continue') ?? 0);
    const items = all(target, query.get('labelSelector') ?? '');
    const next = from + size < items.length ? String(from + size) : '';
    return { metadata: { resourceVersion: String(version), continue: next }, items: items.slice(from, from + size) };
  };
  const watch = ({ plural, namespace, query }: Target): Stream => {
    const selector = query.get('labelSelector') ?? '';
    const isStreamed = query.get('sendInitialEvents') === 'true';
    if (isStreamed && streams === false)
      throw new ApiError('sendInitialEvents is forbidden', { status: 422, reason: 'Invalid' });
    const stream = createStream();
    const watcher = { plural, namespace, selector, stream };
    const from = Number(query.get('resourceVersion') ?? version);
    if (isStreamed && streams === true) {
      for (const object of all(watcher, selector)) stream.push(lineOf({ type: 'ADDED', object }));
      stream.push(bookmark(version, { 'k8s.io/initial-events-end': 'true' }));
    } else if (from < oldest) {
      stream.push(
        JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } }),
      );
      return stream;
    } else for (const fact of history) if (fact.version > from && concerns(fact, watcher)) stream.push(lineOf(fact));
    watchers.add(watcher);
    stream.onEnd(() => watchers.delete(watcher));
    return stream;
  };
  const write = ({ plural, key }: Target, { method, body }: ApiCall): Json => {
    const object = isObject(body) ? body : {};
    const known = objects.get(`${plural} ${key || keyOf(object)}`);
    if (method === 'POST' && known !== undefined)
      throw new ApiError('exists', { status: 409, reason: 'AlreadyExists' });
    if (method === 'PUT' && known === undefined) throw new ApiError('gone', { status: 404 });
    const isStale = textAt(known, 'metadata', 'resourceVersion') !== textAt(object, 'metadata', 'resourceVersion');
    if (method === 'PUT' && isStale) throw new ApiError('conflict', { status: 409, reason: 'Conflict' });
    return put(object);
  };
  const api: FakeApi = {
    server: 'https://api.test:6443',
    context: 'test',
    namespace: 'default',
    calls,
    refuse: () => undefined,
    request: async (call) => {
      calls.push(`${call.method} ${call.path}`);
      await Promise.resolve();
      const refusal = api.refuse(call);
      if (refusal !== undefined) throw refusal;
      const target = targetOf(call.path);
      if (call.method !== 'GET') return write(target, call);
      if (target.key === '') return listPage(target);
      const found = objects.get(`${target.plural} ${target.key}`);
      if (found === undefined) throw new ApiError('not found', { status: 404, reason: 'NotFound' });
      return found;
    },
    lines: async function* (call) {
      calls.push(`${call.method} ${call.path}`);
      await Promise.resolve();
      const refusal = api.refuse(call);
      if (refusal !== undefined) throw refusal;
      const stream = watch(targetOf(call.path));
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
    put: (object) => {
      put(object);
    },
    remove,
    get: (plural, key) => objects.get(`${plural} ${key}`),
    pageSize: (count) => {
      size = count;
    },
    expire: () => {
      oldest = version += 1;
    },
    breakWatches: (error) => {
      for (const { stream } of [...watchers]) stream.end(error);
    },
    say: (line) => {
      for (const { stream } of watchers) stream.push(line);
    },
    mute: (muted) => {
      isMuted = muted;
    },
    watches: () => watchers.size,
  };
  return api;
}

export const bookmark = (version: number, annotations: Json = {}): string =>
  JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(version), annotations } } });

const lineOf = ({ type, object }: Pick<Fact, 'type' | 'object'>): string => JSON.stringify({ type, object });

const part = (object: Json, name: string): Json => {
  const value = object[name];
  return isObject(value) ? value : {};
};

const keyOf = (object: Json): string =>
  `${textAt(object, 'metadata', 'namespace') ?? ''}/${textAt(object, 'metadata', 'name') ?? ''}`;

const concerns = (fact: Fact, { plural, namespace, selector }: Omit<Watcher, 'stream'>): boolean =>
  fact.plural === plural &&
  (namespace === '' || textAt(fact.object, 'metadata', 'namespace') === namespace) &&
  isSelected(fact.object, selector);

function isSelected(object: Json, selector: string): boolean {
  const [name = '', value] = selector.split('=');
  return selector === '' || at(object, 'metadata', 'labels', name) === value;
}

/** `namespace` is '' where a path names none. */
type Target = {
  readonly plural: string;
  readonly namespace: string;
  readonly key: string;
  readonly query: URLSearchParams;
};

function targetOf(path: string): Target {
  const { pathname, searchParams: query } = new URL(path, 'https://api.test');
  const parts = /^\/apis?\/(?:[^/]+\/)?v\w+\/(?:namespaces\/([^/]+)\/)?([^/]+)(?:\/([^/]+))?$/.exec(pathname);
  const [, namespace = '', plural = '', name] = parts ?? [];
  return { plural, namespace, key: name === undefined ? '' : `${namespace}/${name}`, query };
}

type Stream = {
  readonly push: (line: string) => void;
  readonly end: (error?: ApiError) => void;
  readonly onEnd: (run: () => void) => void;
  readonly lines: () => AsyncGenerator<string>;
};

function createStream(): Stream {
  const waiting: string[] = [];
  const ends: (() => void)[] = [];
  let wake = (): void => undefined;
  let end: { readonly error: ApiError | undefined } | undefined;
  return {
    push: (line) => {
      waiting.push(line);
      wake();
    },
    end: (error) => {
      end ??= { error };
      for (const run of ends) run();
      wake();
    },
    onEnd: (run) => ends.push(run),
    lines: async function* () {
      for (;;) {
        yield* waiting.splice(0);
        if (end !== undefined && waiting.length === 0) break;
        const { promise, resolve } = Promise.withResolvers<undefined>();
        wake = () => {
          resolve(undefined);
        };
        if (waiting.length === 0) await promise;
      }
      if (end.error !== undefined) throw end.error;
    },
  };
}
