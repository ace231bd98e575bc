import { type Core, type WriteOptions, keptIn } from '../core.ts';
import type { Resource } from '../resource.ts';
import {
  badRequest,
  invalid,
  methodNotAllowed,
  notFound,
  notImplemented,
  unknownPath,
  unknownResource,
} from '../status-error.ts';
import { unsupported } from '../schema/field-errors.ts';
import { createObject } from '../verbs/create.ts';
import { deleteObject, deleteOptions, deletedStatus } from '../verbs/delete.ts';
import { listObjects } from '../verbs/list.ts';
import { patchObject, patchTypes, type Subresource, replaceObject } from '../verbs/update.ts';
import { type Answer, json, type ApiRequest } from './request.ts';
import { type Representation, representList, representObject, representationOf } from './representation.ts';

/** A request about a resource that is served. */
export type ResourceRequest = {
  readonly core: Core;
  readonly resource: Resource;
  readonly path: ResourcePath;
  readonly request: ApiRequest;
};

const validations = ['Strict', 'Warn', 'Ignore'] as const;

const writeOptions = ({ query, userAgent, method, contentType }: ApiRequest): WriteOptions => {
  const dryRun = query.get('dryRun');
  // Who applies must say who it is; who updates is known by its program.
  const defaultManager = contentType === patchTypes.apply ? '' : userAgent.split('/')[0] || 'unknown';
  const wanted = query.get('fieldValidation') ?? '';
  const fieldValidation = validations.find((one) => one === wanted);
  const kind = { POST: 'CreateOptions', PUT: 'UpdateOptions', PATCH: 'PatchOptions' }[method] ?? 'CreateOptions';
  const options = { group: 'meta.k8s.io', kind, plural: '' };
  if (dryRun !== null && dryRun !== 'All') throw invalid(options, '', [unsupported('dryRun', [dryRun], ['All'])]);
  if (wanted !== '' && fieldValidation === undefined)
    throw invalid(options, '', [unsupported('fieldValidation', wanted, ['', 'Ignore', 'Strict', 'Warn'])]);
  return {
    dryRun: dryRun === 'All',
    // What is unknown is warned of unless the request says otherwise, as the API server does.
    fieldValidation: fieldValidation ?? 'Warn',
    manager: query.get('fieldManager') ?? defaultManager,
  };
};

const namespaceFor = ({ resource, path }: ResourceRequest): string => {
  if (resource.namespaced && path.namespace === undefined) throw resource.custom ? unknownPath() : methodNotAllowed();
  return resource.namespaced ? (path.namespace ?? '') : '';
};

const isSubresource = (resource: Resource, name: string): name is Subresource =>
  name === '' || (name === 'status' && resource.hasStatus);

const subresourceOf = ({ resource, path }: ResourceRequest): Subresource => {
  const { subresource } = path;
  if (isSubresource(resource, subresource)) return subresource;
  if (resource.custom || subresource === 'status') throw notFound(resource, path.name ?? '');
  throw notImplemented(`the subresource ${resource.plural}/${subresource}`);
};

const removed = (asked: ResourceRequest, name: string, as: Representation): Answer => {
  const { core, resource, request } = asked;
  const options = deleteOptions(request.body, request.query);
  const { object, isGone } = deleteObject(core, resource, {
    ...options,
    namespace: namespaceFor(asked),
    name,
  });
  const body =
    isGone && resource.kind !== 'Pod'
      ? deletedStatus(resource, object)
      : representObject(resource, object, as, core.clock.now());
  return json(body);
};

const onOne = (asked: ResourceRequest, name: string, as: Representation): Answer => {
  const { core, resource, request } = asked;
  const subresource = subresourceOf(asked);
  const namespace = namespaceFor(asked);
  const one = (
    written: { readonly object: Parameters<typeof representObject>[1]; readonly warnings: readonly string[] },
    status = 200,
  ): Answer => json(representObject(resource, written.object, as, core.clock.now()), status, written.warnings);
  const existed = keptIn(core, resource, namespace, name) !== undefined;
  const status = existed ? 200 : 201;
  switch (request.method) {
    case 'GET': {
      const object = keptIn(core, resource, namespace, name);
      if (object === undefined) throw notFound(resource, name);
      return one({ object: object, warnings: [] });
    }
    case 'PUT':
      return one(
        replaceObject(core, resource, { ...writeOptions(request), namespace, name, subresource, body: request.body }),
        status,
      );
    case 'PATCH': {
      const { contentType, body: patch } = request;
      return one(
        patchObject(core, resource, { ...writeOptions(request), namespace, name, subresource, contentType, patch }),
        status,
      );
    }
    case 'DELETE':
      if (subresource !== '') throw methodNotAllowed();
      return removed(asked, name, as);
    default:
      throw methodNotAllowed();
  }
};

const onAll = (asked: ResourceRequest, as: Representation): Answer => {
  const { core, resource, request, path } = asked;
  switch (request.method) {
    case 'GET':
      return json(
        representList(
          resource,
          listObjects(core, resource, request.query, resource.namespaced ? path.namespace : undefined),
          as,
          core.clock.now(),
        ),
      );
    case 'POST': {
      if (request.body === undefined) throw badRequest('the body of the request is empty');
      const { object, warnings } = createObject(core, resource, namespaceFor(asked), {
        ...writeOptions(request),
        body: request.body,
      });
      return json(representObject(resource, object, as, core.clock.now()), 201, warnings);
    }
    default:
      throw methodNotAllowed();
  }
};

const isRead = (method: string): boolean => method === 'GET' || method === 'HEAD';

/** Answers everything about a resource but watches. Throws what is refused. */
export const resourceRequest = (asked: ResourceRequest): Answer => {
  const { resource, path, request } = asked;
  if (!resource.namespaced && path.namespace !== undefined) throw resource.custom ? unknownPath() : unknownResource();
  if (resource.readOnly !== undefined && !isRead(request.method)) throw notImplemented(resource.readOnly);
  const as = representationOf(request.accept, request.query);
  return path.name === undefined ? onAll(asked, as) : onOne(asked, path.name, as);
};

/** What a path of the API names. */
export type ResourcePath = {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly plural: string;
  readonly name: string | undefined;
  readonly subresource: string;
};

const decoded = (parts: readonly string[]): readonly string[] | undefined => {
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
};

/** Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`; undefined for what names no resource. */
export const resourcePath = (path: string): ResourcePath | undefined => {
  const parts = decoded(path.split('/').filter((part) => part !== ''));
  if (parts === undefined) return undefined;
  const [root, ...rest] = parts;
  if (root !== 'api' && root !== 'apis') return undefined;
  const [group, version, ...named] = root === 'api' ? ['', ...rest] : rest;
  if (group === undefined || version === undefined) return undefined;
  // A namespace's own paths and those of what is in it begin alike.
  const isInside = named[0] === 'namespaces' && named.length > 2 && !['status', 'finalize'].includes(named[2] ?? '');
  const [plural, name, ...sub] = isInside ? named.slice(2) : named;
  if (plural === undefined) return undefined;
  return {
    group,
    version,
    namespace: isInside ? named[1] : undefined,
    plural,
    name,
    subresource: sub.join('/'),
  };
};
