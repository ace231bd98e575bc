import { applyPatch, type Operation } from 'rfc6902';
import * as z from 'zod/mini';
import type { Api, ApiCall } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';

const texts = z.optional(z.record(z.string(), z.string()));
const Stored = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    uid: z.optional(z.string()),
    resourceVersion: z.optional(z.string()),
    labels: texts,
    annotations: texts,
    ownerReferences: z.optional(z.array(z.looseObject({ uid: z.string() }))),
  }),
});
type Stored = z.infer<typeof Stored>;

const Deletion = z.object({ preconditions: z.optional(z.object({ uid: z.string() })) });
const Patch = z.array(z.custom<Operation>((value) => typeof value === 'object'));

export type InMemoryApi = Api & {
  /** What was asked, as `GET /path`, since the last call of this. */
  readonly asked: () => readonly string[];
  /** The bodies that were sent with one method to paths that end so, oldest first. */
  readonly sent: (method: string, end: string) => readonly unknown[];
  readonly read: (path: string) => Stored | undefined;
  readonly list: (path: string) => readonly Stored[];
  /** Writes an object as if somebody else did. */
  readonly put: (path: string, object: object) => void;
  readonly drop: (path: string) => void;
  /** Refuses nothing any more. */
  readonly relent: () => void;
  /** Refuses the next `times` calls that match, or does something before they are answered. */
  readonly refuse: (call: RegExp, error: ApiError | (() => void), times?: number) => void;
};

type Refusal = { readonly call: RegExp; readonly error: ApiError | (() => void); left: number };

/** As much of an API server as functions speak to, over objects by path: its locks, conflicts, selectors, pages and refusals. */
export function inMemoryApi(now: () => number): InMemoryApi {
  const objects = new Map<string, Stored>();
  const refusals: Refusal[] = [];
  const calls: ApiCall[] = [];
  let asked: string[] = [];
  let version = 100;

  const stamped = (object: unknown): Stored => {
    const { metadata, ...rest } = Stored.parse(structuredClone(object));
    version += 1;
    const creationTimestamp = new Date(now()).toISOString();
    const defaults = { uid: `uid-${version}`, creationTimestamp };
    return { ...rest, metadata: { ...defaults, ...metadata, resourceVersion: String(version) } };
  };

  const found = (path: string): Stored => {
    const object = objects.get(path);
    if (object === undefined) throw refusal(404, 'NotFound', `${path} not found`);
    return object;
  };

  function get(path: string, query: URLSearchParams, accept = ''): unknown {
    if (!isCollection(path)) return structuredClone(found(path));
    const selected = under(path).filter((object) => isSelected(object, query));
    const from = Number(query.get('continue') ?? 0);
    const to = from + Number(query.get('limit') ?? Infinity);
    const items = selected.slice(from, to).map(({ metadata, ...rest }) => {
      return accept.includes('PartialObjectMetadata') ? { metadata } : { ...rest, metadata };
    });
    return structuredClone({ metadata: to < selected.length ? { continue: String(to) } : {}, items });
  }

  const under = (path: string): readonly Stored[] => {
    const pattern = new RegExp(
      `^${path.replace(/(v1alpha2|batch\/v1|api\/v1)\/(\w+)$/, '$1/(namespaces/[^/]+/)?$2')}/[^/]+$`,
    );
    return [...objects].filter(([at]) => pattern.test(at)).map(([, object]) => object);
  };

  function post(path: string, body: unknown): unknown {
    const at = `${path}/${Stored.parse(body).metadata.name}`;
    if (objects.has(at)) throw refusal(409, 'AlreadyExists', `${at} already exists`);
    objects.set(at, stamped(body));
    return structuredClone(found(at));
  }

  function patch(path: string, body: unknown): unknown {
    const at = path.replace(/\/status$/, '');
    const before = found(at);
    const after = structuredClone(before);
    const failed = applyPatch(after, Patch.parse(body)).filter((error) => error !== null);
    if (failed.length > 0) throw refusal(422, 'Invalid', failed.map(({ message }) => message).join());
    if (after.metadata.resourceVersion !== before.metadata.resourceVersion)
      throw refusal(409, 'Conflict', 'the object has been modified');
    const written = path === at ? { ...after, status: before['status'] } : { ...before, status: after['status'] };
    objects.set(at, stamped(written));
    return structuredClone(found(at));
  }

  function remove(path: string, body: unknown): unknown {
    const { uid } = found(path).metadata;
    const wanted = Deletion.parse(body).preconditions?.uid;
    if (wanted !== undefined && wanted !== uid) throw refusal(409, 'Conflict', 'the UID in the precondition differs');
    objects.delete(path);
    for (const [at, { metadata }] of objects)
      if (metadata.ownerReferences?.some((owner) => owner.uid === uid) === true) objects.delete(at);
    return {};
  }

  function answer(call: ApiCall): unknown {
    const [path = '', query = ''] = call.path.split('?');
    asked.push(`${call.method} ${decodeURIComponent(call.path)}`);
    calls.push(call);
    const refused = refusals.find(({ call: pattern, left }) => left > 0 && pattern.test(`${call.method} ${path}`));
    if (refused !== undefined) {
      refused.left -= 1;
      if (refused.error instanceof ApiError) throw refused.error;
      refused.error();
    }
    if (call.method === 'POST') return post(path, call.body);
    if (call.method === 'PATCH') return patch(path, call.body);
    return call.method === 'DELETE' ? remove(path, call.body) : get(path, new URLSearchParams(query), call.accept);
  }

  return {
    server: 'memory',
    context: 'memory',
    namespace: 'default',
    request: (call) => Promise.resolve(call).then(answer),
    lines: () => {
      throw new Error('functions watch nothing');
    },
    metrics: () => ({ calls: { GET: 0, POST: 0, PUT: 0, PATCH: 0, DELETE: 0 }, bytesRead: 0 }),
    close: () => undefined,
    asked: () => {
      const last = asked;
      asked = [];
      return last;
    },
    sent: (method, end) =>
      calls.flatMap((call) => (call.method === method && call.path.endsWith(end) ? [call.body] : [])),
    read: (path) => objects.get(path),
    list: under,
    put: (path, object) => void objects.set(path, stamped(object)),
    drop: (path) => void objects.delete(path),
    relent: () => {
      for (const each of refusals) each.left = 0;
    },
    refuse: (call, error, times = 1) => void refusals.push({ call, error, left: times }),
  };
}

export const refusal = (status: number, reason: string, message: string): ApiError =>
  new ApiError(message, { status, reason });

const isCollection = (path: string): boolean => /\/(imagecaches|nodes|jobs|pods|events)$/.test(path);

function isSelected(object: Stored, query: URLSearchParams): boolean {
  const terms = (name: string): readonly string[] => query.get(name)?.split(/,(?![^(]*\))/) ?? [];
  const hasLabel = (term: string): boolean => {
    const [, without = '', values = ''] = /^(\S+) notin \((.*)\)$/.exec(term) ?? [];
    if (without !== '') return !values.split(',').includes(object.metadata.labels?.[without] ?? '');
    const [key = '', value] = term.split('=');
    if (term.startsWith('!')) return object.metadata.labels?.[key.slice(1)] === undefined;
    return object.metadata.labels?.[key] === value;
  };
  return terms('labelSelector').every(hasLabel) && terms('fieldSelector').every((term) => hasField(object, term));
}

function hasField(object: Stored, term: string): boolean {
  const [path = '', value] = term.split('=');
  let at: unknown = object;
  for (const key of path.split('.')) at = z.looseObject({}).parse(at)[key];
  return at === value;
}
