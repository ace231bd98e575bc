/**
 * The CloudEvents that trigger functions. Their types are Knative's, so that its ApiServerSource and PingSource can
 * replace our sources. An event only names objects to observe; functions ignore everything else in it.
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

/** The part of an event that functions use: a tick, or a changed object. */
export type Notice =
  | { readonly type: 'tick' }
  | {
      readonly type: 'change';
      readonly verb: Verb;
      readonly object: ObjectReference;
      /** The cache to reconcile. Our source always sets it, Knative's never does. */
      readonly cache: CacheReference | undefined;
      /**
       * All objects that changed since the last delivery for this cache, `object` included; undefined: observe
       * everything.
       */
      readonly changed: readonly ObjectReference[] | undefined;
      /** Set if the event concerns removal: a removal Job, or images to remove in a cache's status. */
      readonly isRemoval?: true;
      /** Set if the event is about an ImageCache and not from our source: then any write of the status may have caused it, and no change of a workload has. */
      readonly isFromElsewhere?: true;
    };

export const tickType = 'dev.knative.sources.ping' as const;
/**
 * `dev.knative.apiserver.ref.add` and so on. Events that carry the object have `resource` in place of `ref`; both are
 * accepted.
 */
export const changeType = (verb: Verb): string => `dev.knative.apiserver.ref.${verb}`;
const changeTypePattern = /^dev\.knative\.apiserver\.(?:ref|resource)\.(add|update|delete)$/;

/** Attributes of a CloudEvent as received; names of extensions are lower-case. */
export type EventAttributes = {
  readonly type: string;
  readonly data?: unknown;
  readonly [extension: string]: unknown;
};

/** If more objects than this changed, listing them is cheaper than reading each. */
export const maxChangedObjects = 240;

/** Parses the attributes of a CloudEvent, or returns why they are invalid. Unknown data is ignored. */
export function notice(event: EventAttributes): Notice | { readonly type: 'invalid'; readonly reason: string } {
  if (event.type === tickType) return { type: 'tick' };
  const verb = verbOf(event.type);
  if (verb === undefined) return { type: 'invalid', reason: `unknown event type ${quoted(event.type)}` };
  const { kind, name, apiversion: apiVersion, namespace = '' } = event;
  if (!isName(kind) || !isName(name) || !isName(apiVersion) || !isText(namespace))
    return {
      type: 'invalid',
      reason: 'extensions kind, name and apiversion must be non-empty strings, namespace a string',
    };
  const object = { apiVersion, kind, namespace, name };
  const changed = changedObjects(event.data, object);
  const isRemoval = isAboutRemoval(event) ? ({ isRemoval: true } as const) : {};
  const isFromElsewhere = kind === 'ImageCache' && !isText(event['cache']) ? ({ isFromElsewhere: true } as const) : {};
  return { type: 'change', verb, object, cache: cacheOf(event, object), changed, ...isRemoval, ...isFromElsewhere };
}

/** The functions that receive the tick. */
export const tickRoutes = ['refresh', 'purge'] as const satisfies readonly FunctionName[];

/** The functions that receive events about an object of this kind. */
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
  const name = changeTypePattern.exec(type)?.[1];
  return verbs.find((verb) => verb === name);
}

export const isAboutRemoval = (event: EventAttributes): boolean => event['removal'] === 'true';

function cacheOf(event: EventAttributes, object: ObjectReference): CacheReference | undefined {
  if (object.kind === 'ImageCache') return { namespace: object.namespace, name: object.name };
  const match = isText(event['cache']) ? /^([^/]+)\/([^/]+)$/.exec(event['cache']) : undefined;
  const [namespace, name] = match?.slice(1) ?? [];
  return namespace !== undefined && name !== undefined ? { namespace, name } : undefined;
}

/**
 * The objects listed in `data.changed`; undefined if the list is malformed or too long, only `object` if there is none.
 */
function changedObjects(data: unknown, object: ObjectReference): readonly ObjectReference[] | undefined {
  if (!isRecord(data) || !('changed' in data)) return [object];
  const { changed } = data;
  if (!Array.isArray(changed) || changed.length > maxChangedObjects) return undefined;
  const references = changed.filter(isObjectReference);
  return references.length === changed.length ? [object, ...references] : undefined;
}

function isObjectReference(value: unknown): value is ObjectReference {
  return (
    isRecord(value) &&
    isText(value['apiVersion']) &&
    isName(value['kind']) &&
    isName(value['name']) &&
    isText(value['namespace'])
  );
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;
const isText = (value: unknown): value is string => typeof value === 'string';
/** A non-empty string other than `.` and `..`, which would change a request path even if encoded. */
const isName = (value: unknown): value is string => isText(value) && !['', '.', '..'].includes(value);
const quoted = (text: string): string => JSON.stringify(text.slice(0, 100));
