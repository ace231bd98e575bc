/**
 * The events that wake functions, in Knative's own vocabulary, so that its ApiServerSource and PingSource are drop-in swaps for our sources.
 * An event only says which object to look at: no function believes anything else it carries.
 */

export const functionNames = ['reconcile', 'job-complete', 'refresh', 'purge'] as const;
export type FunctionName = (typeof functionNames)[number];

const verbs = ['add', 'update', 'delete'] as const;
export type Verb = (typeof verbs)[number];

export type ObjectReference = {
  readonly apiVersion: string;
  readonly kind: string;
  /** '' for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
};

/** `namespace` and `name` of an ImageCache. */
export type CacheReference = { readonly namespace: string; readonly name: string };

/** What a function reads from an event: a tick, or an object to look at and the cache it belongs to, where the sender knows it. */
export type Notice =
  | { readonly type: 'tick' }
  | {
      readonly type: 'change';
      readonly verb: Verb;
      readonly object: ObjectReference;
      /** The cache concerned; our source always tells, Knative's never does. */
      readonly cache: CacheReference | undefined;
      /** All that changed since the last delivery for this cache, the object itself included; undefined means look at everything. */
      readonly changed: readonly ObjectReference[] | undefined;
      /** It is about what is to be removed from nodes: a removal Job, or the part of a cache's status that asks for some. */
      readonly isRemoval?: true;
    };

export const tickType = 'dev.knative.sources.ping' as const;
/** `dev.knative.apiserver.ref.add` and so on; `resource` in place of `ref` where the event carries the object. */
export const changeType = (verb: Verb): string => `dev.knative.apiserver.ref.${verb}`;
const changeTypePattern = /^dev\.knative\.apiserver\.(?:ref|resource)\.(add|update|delete)$/;

/** The attributes of a CloudEvent that matter here, as they come off the wire: extensions are lower-case strings. */
export type EventAttributes = {
  readonly type: string;
  readonly data?: unknown;
  readonly [extension: string]: unknown;
};

/** Names more than this many changed objects, and a listing is cheaper than reading each. */
export const maxChangedObjects = 240;

/** Reads a notice out of a CloudEvent's attributes, or says in a sentence what is wrong with them. Unknown data is ignored. */
export function notice(event: EventAttributes): Notice | { readonly type: 'invalid'; readonly reason: string } {
  if (event.type === tickType) return { type: 'tick' };
  const verb = verbOf(event.type);
  if (verb === undefined) return { type: 'invalid', reason: `unknown event type ${quoted(event.type)}` };
  const { kind, name, apiversion: apiVersion, namespace = '' } = event;
  if (!isWord(kind) || !isWord(name) || !isWord(apiVersion) || !isText(namespace))
    return {
      type: 'invalid',
      reason: 'extensions kind, name and apiversion must be non-empty strings, namespace a string',
    };
  const object = { apiVersion, kind, namespace, name };
  const changed = changedObjects(event.data, object);
  const isRemoval = isAboutRemoval(event) ? ({ isRemoval: true } as const) : {};
  return { type: 'change', verb, object, cache: cacheOf(event, object), changed, ...isRemoval };
}

/** Whom the tick concerns: what pulls, and what removes. */
export const tickRoutes = ['refresh', 'purge'] as const satisfies readonly FunctionName[];

/** Which functions an object of this kind concerns, given whether the event is about removal. */
export function routes(kind: string, isRemoval: boolean): readonly FunctionName[] {
  if (isRemoval) return kind === 'ImageCache' ? ['reconcile', 'purge'] : kind === 'Node' ? [] : ['purge'];
  switch (kind) {
    case 'ImageCache':
      return ['reconcile', 'refresh', 'purge'];
    case 'Job':
    case 'Pod':
      return ['job-complete'];
    case 'Node':
      return ['reconcile'];
    default:
      return [];
  }
}

function verbOf(type: string): Verb | undefined {
  const word = changeTypePattern.exec(type)?.[1];
  return verbs.find((verb) => verb === word);
}

export const isAboutRemoval = (event: EventAttributes): boolean => event['removal'] === 'true';

function cacheOf(event: EventAttributes, object: ObjectReference): CacheReference | undefined {
  if (object.kind === 'ImageCache') return { namespace: object.namespace, name: object.name };
  const told = isText(event['cache']) ? /^([^/]+)\/([^/]+)$/.exec(event['cache']) : undefined;
  const [namespace, name] = told?.slice(1) ?? [];
  return namespace !== undefined && name !== undefined ? { namespace, name } : undefined;
}

/** The names that data carries under `changed`; anything malformed counts as not told, and then the one object is all. */
function changedObjects(data: unknown, object: ObjectReference): readonly ObjectReference[] | undefined {
  if (!isRecord(data) || !('changed' in data)) return [object];
  const { changed } = data;
  if (!Array.isArray(changed) || changed.length > maxChangedObjects) return undefined;
  const told = changed.filter(isObjectReference);
  return told.length === changed.length ? [object, ...told] : undefined;
}

function isObjectReference(value: unknown): value is ObjectReference {
  return (
    isRecord(value) &&
    isText(value['apiVersion']) &&
    isWord(value['kind']) &&
    isWord(value['name']) &&
    isText(value['namespace'])
  );
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const isText = (value: unknown): value is string => typeof value === 'string';
/** A name; `.` and `..` would be steps in a path, encoded or not. */
const isWord = (value: unknown): value is string => isText(value) && !['', '.', '..'].includes(value);
const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));
