import { isObject, objectAt, textAt, textsAt, withAt, listAt } from '../../json.ts';
import { type Core, type Written, keptIn } from '../core.ts';
import { kubeObject, labelsOf, type KubeObject, withMetadata } from '../kube-object.ts';
import { type Resource, groupVersion } from '../resource.ts';
import { required } from '../schema/field-errors.ts';
import { badRequest, invalid, notImplemented } from '../status-error.ts';
import { createObject, decode } from '../verbs/create.ts';
import { updateDecoded } from '../verbs/update.ts';
import type { PatchRequest } from './patch.ts';

/** Server-side apply without owners of fields: replaces the spec, adds labels and annotations, and never conflicts. */
export const applyObject = (core: Core, resource: Resource, request: PatchRequest): Written => {
  const { namespace, name, subresource, patch } = request;
  if (!resource.custom) throw notImplemented(`server-side apply of built-in kinds such as ${resource.kind}`);
  if (subresource !== '') throw notImplemented('server-side apply of a status');
  if (!isObject(patch) || textAt(patch, 'kind') === '') throw badRequest('an apply patch is an object with a kind');
  if (request.manager === undefined || request.manager === '')
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions', plural: '' }, '', [required('fieldManager')]);
  const named = withAt(patch, ['metadata', 'name'], textAt(patch, 'metadata', 'name') || name);
  if (textAt(named, 'metadata', 'name') !== name) throw badRequest('the name of the object does not match the URL');
  const options = { ...request, operation: 'Apply' } as const;
  const old = keptIn(core, resource, namespace, name);
  if (old === undefined) return createObject(core, resource, namespace, { ...options, body: named });
  const { object, warnings } = decode(resource, named, request);
  const body = kubeObject({
    ...old,
    spec: object['spec'],
    metadata: {
      ...old.metadata,
      ...objectAt(object, 'metadata'),
      labels: { ...labelsOf(old), ...labelsOf(object) },
      annotations: { ...textsAt(old, 'metadata', 'annotations'), ...textsAt(object, 'metadata', 'annotations') },
      managedFields: old.metadata['managedFields'],
    },
  });
  return { object: updateDecoded(core, resource, { ...options, old, body }), warnings };
};

export type Manager = {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly time: string;
  readonly subresource: string;
};

/** A custom resource with its last writers and their times in managedFields, without the fields that they wrote. */
export const managedBy = (resource: Resource, object: KubeObject, by: Manager): KubeObject => {
  if (!resource.custom) return withMetadata(object, { managedFields: undefined });
  const { manager, operation, time, subresource } = by;
  const others = listAt(object, 'metadata', 'managedFields')
    .filter(isObject)
    .filter(
      (entry) =>
        textAt(entry, 'manager') !== manager ||
        textAt(entry, 'operation') !== operation ||
        textAt(entry, 'subresource') !== subresource,
    );
  const written = { apiVersion: groupVersion(resource), fieldsType: 'FieldsV1', fieldsV1: {} };
  const entry = { ...written, manager, operation, ...(subresource === '' ? {} : { subresource }), time };
  return withMetadata(object, { managedFields: [...others, entry] });
};
