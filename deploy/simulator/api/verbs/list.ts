import { isObject, numberAt, textAt, objectAt } from '../../json.ts';
import type { Core } from '../core.ts';
import { type KubeObject, nameOf, namespaceOf } from '../kube-object.ts';
import { type Resource, storageKey } from '../resource.ts';
import { StatusError, badRequest, expired } from '../status-error.ts';
import { matchesFields, parseFieldSelector, matchesLabels, parseLabelSelector } from '../selectors.ts';

export type Listed = {
  readonly items: readonly KubeObject[];
  readonly version: number;
  readonly next?: string;
  readonly remaining?: number;
};

type Place = { readonly version: number; readonly after: string };

const placeText = (place: Place): string => Buffer.from(JSON.stringify(place)).toString('base64url');

const parsePlace = (text: string): Place => {
  try {
    const place: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    const version = numberAt(place, 'version');
    if (isObject(place) && version !== undefined) return { version, after: textAt(place, 'after') };
  } catch {
    // Falls through: whatever is wrong with it, it is not a token of ours.
  }
  throw badRequest('continue key is not valid: it was not made by this server');
};

const tooOldPage =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.' as const;

/** A version from the future: as the API server waits for it in vain and then says. */
export const checkFuture = (core: Core, version: string): void => {
  if (!/^\d*$/.test(version))
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: "${version}": strconv.ParseUint: parsing "${version}": invalid syntax`,
    );
  if (Number(version) <= core.store.version()) return;
  throw new StatusError(
    504,
    'Timeout',
    `Timeout: Too large resource version: ${version}, current: ${core.store.version()}`,
    {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  );
};

const startOf = (core: Core, query: URLSearchParams): Place => {
  const token = query.get('continue') ?? '';
  if (token !== '') return parsePlace(token);
  const version = query.get('resourceVersion') ?? '';
  checkFuture(core, version);
  return { version: query.get('resourceVersionMatch') === 'Exact' ? Number(version) : core.store.version(), after: '' };
};

const keyOf = (object: KubeObject): string => `${namespaceOf(object)}/${nameOf(object)}`;

/** A list, or a page of it as it was when its first page was asked for. Throws 410 where that is no longer known. */
export const listObjects = (
  core: Core,
  resource: Resource,
  query: URLSearchParams,
  namespace: string | undefined,
): Listed => {
  const { isAll, matches } = selectionOf(resource, query, { namespace });
  const { version, after } = startOf(core, query);
  const all = core.store.listAt(storageKey(resource), version);
  if (all === undefined)
    throw expired(query.has('continue') ? tooOldPage : `The resourceVersion for the provided list is too old.`);
  const rest = all.map((object) => object).filter((object) => matches(object) && keyOf(object) > after);
  const limit = Number(query.get('limit') ?? 0);
  const items = limit > 0 ? rest.slice(0, limit) : rest;
  const last = items.at(-1);
  if (last === undefined || items.length === rest.length) return { items, version };
  const next = placeText({ version, after: keyOf(last) });
  return { items, version, next, ...(isAll ? { remaining: rest.length - items.length } : {}) };
};

export type Selection = { readonly isAll: boolean; readonly matches: (object: KubeObject) => boolean };

const nothing: KubeObject = { apiVersion: '', kind: '', metadata: {} };

/** Which objects a list or watch asks for, by its selectors. Throws 400 for a field that cannot be selected by. */
export const selectionOf = (
  resource: Resource,
  query: URLSearchParams,
  within: { readonly namespace: string | undefined; readonly name?: string },
): Selection => {
  const labels = parseLabelSelector(query.get('labelSelector') ?? '');
  const fields = parseFieldSelector(query.get('fieldSelector') ?? '');
  const known = resource.fields(nothing);
  const unknown = fields.find(({ field }) => known[field] === undefined);
  if (unknown !== undefined) throw badRequest(`field label not supported: ${unknown.field}`);
  return {
    isAll: labels.length === 0 && fields.length === 0,
    matches: (object) =>
      (within.namespace === undefined || namespaceOf(object) === within.namespace) &&
      (within.name === undefined || nameOf(object) === within.name) &&
      (labels.length === 0 || matchesLabels(objectAt(object, 'metadata', 'labels'), labels)) &&
      (fields.length === 0 || matchesFields(resource.fields(object), fields)),
  };
};
