import { isDeepStrictEqual } from 'node:util';
import { type JsonObject, at, compact, objectAt, textAt, withAt, isObject } from '../../json.ts';
import { isLastFinalizerGone } from '../admission.ts';
import { type Core, type WriteOptions, type Written, keptIn } from '../core.ts';
import {
  type KubeObject,
  finalizersOf,
  generationOf,
  isTerminating,
  kubeObject,
  nameOf,
  uidOf,
  versionOf,
  wireTime,
  withMetadata,
} from '../kube-object.ts';
import { managedBy, applyObject } from '../patch/apply.ts';
import { type Resource, storageKey } from '../resource.ts';
import { forbiddenField, invalidValue, metadataErrors } from '../schema/field-errors.ts';
import { emptyToUndefined } from '../schema/schema.ts';
import { isStale } from '../store.ts';
import {
  type FieldError,
  badRequest,
  conflict,
  invalid,
  modified,
  notFound,
  unsupportedMedia,
} from '../status-error.ts';
import { createDecoded, decode } from './create.ts';
import { jsonPatch, type PatchRequest, mergePatch, strategicMerge } from '../patch/patch.ts';

export type Subresource = '' | 'status';

/** What of the metadata only the API server decides. */
const systemFields = (old: KubeObject): JsonObject =>
  Object.fromEntries(
    (
      [
        'name',
        'namespace',
        'uid',
        'creationTimestamp',
        'generation',
        'deletionTimestamp',
        'deletionGracePeriodSeconds',
        'generateName',
        'resourceVersion',
      ] as const
    ).map((field) => [field, at(old, 'metadata', field)]),
  );

const statusWritten = (resource: Resource, old: KubeObject, body: KubeObject): KubeObject => {
  const metadata = resource.custom
    ? { ...old.metadata, managedFields: body.metadata['managedFields'] }
    : { ...body.metadata, ownerReferences: old.metadata['ownerReferences'] };
  return kubeObject({ ...old, metadata, status: body['status'] });
};

const mainWritten = (resource: Resource, old: KubeObject, body: KubeObject): KubeObject =>
  resource.hasStatus ? kubeObject(withAt(body, ['status'], old['status'])) : body;

/** What of an object its generation counts. */
const content = (object: KubeObject, resource: Resource): JsonObject =>
  compact({ ...object, metadata: undefined, ...(resource.hasStatus ? { status: undefined } : {}) });

/** The old object as a body makes it, generation counted. */
const written = (resource: Resource, old: KubeObject, body: KubeObject, subresource: Subresource): KubeObject => {
  const merged = subresource === 'status' ? statusWritten(resource, old, body) : mainWritten(resource, old, body);
  const kept = withMetadata(merged, {
    ...systemFields(old),
    labels: emptyToUndefined(objectAt(merged, 'metadata', 'labels')),
    annotations: emptyToUndefined(objectAt(merged, 'metadata', 'annotations')),
    finalizers: finalizersOf(merged).length === 0 ? undefined : finalizersOf(merged),
  });
  const prepared = kubeObject(withAt(resource.strategy.prepare?.(kept, old) ?? kept, [], undefined));
  const isSame = !resource.hasGeneration || isDeepStrictEqual(content(prepared, resource), content(old, resource));
  return isSame ? prepared : withMetadata(prepared, { generation: generationOf(old) + 1 });
};

const newFinalizers = (object: KubeObject, old: KubeObject): readonly FieldError[] => {
  const added = finalizersOf(object).filter((one) => !finalizersOf(old).includes(one));
  if (!isTerminating(old) || added.length === 0) return [];
  const list = added.map((one) => JSON.stringify(one)).join(', ');
  return [
    forbiddenField(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
    ),
  ];
};

const checkVersion = (resource: Resource, old: KubeObject, body: KubeObject): void => {
  const [uid, known] = [uidOf(body), uidOf(old)];
  if (uid !== '' && uid !== known)
    throw conflict(
      resource,
      nameOf(old),
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${known}`,
    );
  if (isStale(old, versionOf(body))) throw conflict(resource, nameOf(old), modified);
};

const isSameObject = (object: KubeObject, old: KubeObject): boolean => {
  const bare = (one: KubeObject): KubeObject =>
    withMetadata(one, { managedFields: undefined, resourceVersion: undefined });
  return isDeepStrictEqual(bare(object), bare(old));
};

export type Update = WriteOptions & {
  readonly old: KubeObject;
  readonly body: KubeObject;
  readonly subresource: Subresource;
};

/** Stores what a decoded body makes of an object; an object that waited for its last finalizer goes. */
export const updateDecoded = (
  core: Core,
  resource: Resource,
  { old, body, subresource, manager = 'unknown', operation = 'Update', dryRun }: Update,
): KubeObject => {
  checkVersion(resource, old, body);
  const object = written(resource, old, body, subresource);
  const errors = [
    ...metadataErrors(object, resource.kind === 'Namespace' ? 'label' : 'subdomain'),
    ...newFinalizers(object, old),
    ...(resource.strategy.validate?.(object, old, subresource) ?? []),
  ];
  if (errors.length > 0) throw invalid(resource, nameOf(old), errors);
  if (isSameObject(object, old)) return old;
  const kept = object.metadata['managedFields'] === undefined ? old : object;
  const known = withMetadata(object, { managedFields: kept.metadata['managedFields'] });
  const owned = managedBy(resource, known, { manager, operation, time: wireTime(core.clock.now()), subresource });
  if (dryRun === true) return owned;
  const waitsForGrace = (at(owned, 'metadata', 'deletionGracePeriodSeconds') ?? 0) !== 0;
  if (isLastFinalizerGone(owned) && !waitsForGrace) return core.store.remove(storageKey(resource), owned);
  return core.store.put(storageKey(resource), owned);
};

export type PutRequest = WriteOptions & {
  readonly namespace: string;
  readonly name: string;
  readonly subresource: Subresource;
  readonly body: unknown;
};

/** PUT: replaces an object, or its status. */
export const replaceObject = (core: Core, resource: Resource, { namespace, name, ...request }: PutRequest): Written => {
  const { object: body, warnings } = decode(resource, request.body, request);
  const given = nameOf(body);
  if (given !== '' && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  const old = keptIn(core, resource, namespace, name);
  if (old === undefined) {
    if (!resource.createOnUpdate || request.subresource !== '') throw notFound(resource, name);
    const named = withMetadata(body, { name });
    return {
      object: createDecoded(core, resource, namespace, { ...request, object: named }),
      warnings,
    };
  }
  if (textAt(body, 'metadata', 'resourceVersion') === '' && !resource.unconditionalUpdate)
    throw invalid({ ...resource, kind: resource.plural }, name, [
      invalidValue('metadata.resourceVersion', 0, 'must be specified for an update'),
    ]);
  return { object: updateDecoded(core, resource, { ...request, old, body }), warnings };
};

export const patchTypes = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

const patched = (resource: Resource, object: KubeObject, { contentType, patch }: PatchRequest): unknown => {
  switch (contentType) {
    case patchTypes.json:
      return jsonPatch(object, patch);
    case patchTypes.merge:
      return mergePatch(object, patch);
    case patchTypes.strategic:
      if (!resource.custom) return strategicMerge(object, patch);
      break;
  }
  const { json, merge, strategic, apply } = patchTypes;
  throw unsupportedMedia(resource.custom ? [json, merge, apply] : [json, merge, strategic, apply]);
};

const checkName = (resource: Resource, object: JsonObject, name: string): void => {
  const given = textAt(object, 'metadata', 'name');
  if (given !== name)
    throw given === ''
      ? invalid(resource, '', [invalidValue('metadata.name', given, 'field is immutable')])
      : badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
};

/** PATCH: changes an object, or its status, by a patch of any of the four kinds. */
export const patchObject = (core: Core, resource: Resource, request: PatchRequest): Written => {
  const { namespace, name } = request;
  if (request.contentType === patchTypes.apply) return applyObject(core, resource, request);
  const old = keptIn(core, resource, namespace, name);
  if (old === undefined) throw notFound(resource, name);
  const result = patched(resource, old, request);
  if (!isObject(result)) throw badRequest('the patch leaves no object');
  checkName(resource, result, nameOf(old));
  const { object: body, warnings } = decode(resource, result, request);
  return { object: updateDecoded(core, resource, { ...request, old, body }), warnings };
};
