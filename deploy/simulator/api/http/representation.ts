import { type JsonObject, compact, objectAt } from '../../json.ts';
import { type KubeObject, versionOf } from '../kube-object.ts';
import { type Resource, groupVersion } from '../resource.ts';
import { StatusError } from '../status-error.ts';
import { type IncludeObject, metadataOnly, tableOf } from '../tables.ts';
import type { Listed } from '../verbs/list.ts';
import type { WatchEvent } from '../verbs/watch.ts';

/** The form of an answer: objects, tables of them, or their metadata only. */
export type Representation = {
  readonly as: 'Object' | 'Table' | 'PartialObjectMetadata';
  readonly include: IncludeObject;
};

const isJson = (type: string): boolean => ['application/json', '*/*', 'application/*'].includes(type);

const kindOf = (parameters: readonly string[]): Representation['as'] | undefined => {
  const wanted = parameters.find((one) => one.startsWith('as='))?.slice(3);
  if (wanted === undefined) return 'Object';
  const isV1 = parameters.includes('v=v1') && parameters.includes('g=meta.k8s.io');
  if (!isV1) return undefined;
  if (wanted === 'Table') return 'Table';
  return wanted.startsWith('PartialObjectMetadata') ? 'PartialObjectMetadata' : undefined;
};

/** What the Accept header asks for, the first that can be had. Throws 406 where none can. */
export const representationOf = (accept: string, query: URLSearchParams): Representation => {
  const include =
    (['None', 'Metadata', 'Object'] as const).find((one) => one === query.get('includeObject')) ?? 'Metadata';
  for (const choice of (accept === '' ? '*/*' : accept).split(',')) {
    const [type = '', ...parameters] = choice.split(';').map((part) => part.trim());
    const as = isJson(type) ? kindOf(parameters) : undefined;
    if (as !== undefined) return { as, include };
  }
  throw new StatusError(406, 'NotAcceptable', 'only the following media types are accepted: application/json');
};

/** Within lists of built-in kinds the items leave out what the list says for all of them. */
const item = (resource: Resource, { kind, apiVersion, ...object }: KubeObject): JsonObject =>
  resource.custom ? { kind, apiVersion, ...object } : object;

export const representList = (
  resource: Resource,
  listed: Listed,
  { as, include }: Representation,
  now: number,
): JsonObject => {
  const metadata = compact({
    resourceVersion: String(listed.version),
    continue: listed.next ?? (resource.custom && as === 'Object' ? '' : undefined),
    remainingItemCount: listed.remaining,
  });
  if (as === 'Table') return tableOf(resource, listed.items, { metadata, now, include });
  if (as === 'PartialObjectMetadata')
    return {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      items: listed.items.map(metadataOnly),
    };
  return {
    kind: resource.listKind,
    apiVersion: groupVersion(resource),
    metadata,
    items: listed.items.map((object) => item(resource, object)),
  };
};

export const representObject = (
  resource: Resource,
  object: KubeObject,
  { as, include }: Representation,
  now: number,
): JsonObject => {
  if (as === 'Table')
    return tableOf(resource, [object], { metadata: { resourceVersion: versionOf(object) }, now, include });
  return as === 'PartialObjectMetadata' ? metadataOnly(object) : object;
};

/** The events of a watch in their representation; only the first table has column definitions. */
export const eventRepresenter = (
  resource: Resource,
  representation: Representation,
  now: () => number,
): ((event: WatchEvent) => JsonObject) => {
  let isFirst = true;
  return ({ type, object }) => {
    if (type === 'ERROR' || representation.as === 'Object') return { type, object };
    if (representation.as === 'PartialObjectMetadata') return { type, object: metadataOnly(object) };
    const metadata = { resourceVersion: objectAt(object, 'metadata')['resourceVersion'] };
    const rows =
      type === 'BOOKMARK'
        ? []
        : [
            {
              ...object,
              kind: resource.kind,
              apiVersion: groupVersion(resource),
              metadata: objectAt(object, 'metadata'),
            },
          ];
    const table = tableOf(resource, rows, {
      metadata,
      now: now(),
      include: representation.include,
      isHeadless: !isFirst,
    });
    isFirst = false;
    return { type, object: table };
  };
};
