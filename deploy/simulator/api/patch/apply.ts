import { isObject, objectAt, textAt, textsAt, withAt } from '../../json.ts';
import { type Core, type Written, keptIn } from '../core.ts';
import { kubeObject, labelsOf } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { required } from '../schema/field-errors.ts';
import { badRequest, invalid, notImplemented } from '../status-error.ts';
import { createObject } from '../verbs/create.ts';
import { decode } from '../verbs/decode.ts';
import { updateDecoded } from '../verbs/update.ts';
import type { PatchRequest } from './patch-request.ts';

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
