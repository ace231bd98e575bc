import { randomInt, randomUUID } from 'node:crypto';
import { objectAt, textAt, type JsonObject, isObject } from '../../json.ts';
import { admitPod, admitToNamespace, admitToQuota, admitToPodSecurity } from '../admission.ts';
import { type Core, type WriteOptions, type Written, keptIn } from '../core.ts';
import { type KubeObject, kubeObject, nameOf, namespaceOf, wireTime, withMetadata } from '../kube-object.ts';
import { managedBy } from '../patch/apply.ts';
import { type Resource, storageKey, groupVersion } from '../resource.ts';
import { emptyToUndefined } from '../schema/schema.ts';
import { metadataErrors, invalidValue } from '../schema/field-errors.ts';
import { StatusError, alreadyExists, badRequest, invalid } from '../status-error.ts';
import { withDefaults, pruneUnknown, withoutNulls } from '../schema/structure.ts';

const letters = 'bcdfghjklmnpqrstvwxz2456789' as const;

const generatedName = (base: string): string =>
  base.slice(0, 58) + Array.from({ length: 5 }, () => letters[randomInt(letters.length)]).join('');

const placed = (resource: Resource, namespace: string, object: KubeObject): KubeObject => {
  const given = namespaceOf(object);
  if (given !== '' && given !== namespace && resource.namespaced)
    throw badRequest(`the namespace of the provided object does not match the namespace sent on the request`);
  const base = textAt(object, 'metadata', 'generateName');
  return withMetadata(object, {
    name: nameOf(object) === '' && base !== '' ? generatedName(base) : nameOf(object),
    namespace: resource.namespaced ? namespace : undefined,
  });
};

const born = (core: Core, resource: Resource, object: KubeObject): KubeObject => {
  const { status, ...withoutStatus } = object;
  const keepsStatus = !resource.hasStatus || resource.statusOnCreate;
  return withMetadata(kubeObject(keepsStatus && status !== undefined ? { ...withoutStatus, status } : withoutStatus), {
    uid: randomUUID(),
    creationTimestamp: wireTime(core.clock.now()),
    generation: resource.hasGeneration ? 1 : undefined,
    deletionTimestamp: undefined,
    deletionGracePeriodSeconds: undefined,
    selfLink: undefined,
    labels: emptyToUndefined(objectAt(object, 'metadata', 'labels')),
    annotations: emptyToUndefined(objectAt(object, 'metadata', 'annotations')),
  });
};

/** Everything that must hold before a new object is stored. Throws what the API server would answer. */
const check = (core: Core, resource: Resource, object: KubeObject): void => {
  const form = resource.kind === 'Namespace' ? 'label' : 'subdomain';
  const errors = [...metadataErrors(object, form), ...(resource.strategy.validate?.(object, undefined, '') ?? [])];
  if (errors.length > 0) throw invalid(resource, nameOf(object), errors);
  admitToPodSecurity(core, resource, object);
  if (keptIn(core, resource, namespaceOf(object), nameOf(object)) !== undefined)
    throw alreadyExists(resource, nameOf(object));
  admitToQuota(core, resource, object);
};

/** Stores a new object that has been decoded. */
export const createDecoded = (
  core: Core,
  resource: Resource,
  namespace: string,
  { object: body, manager = 'unknown', operation = 'Update', dryRun }: WriteOptions & { readonly object: KubeObject },
): KubeObject => {
  const named = placed(resource, namespace, body);
  if (textAt(body, 'metadata', 'resourceVersion') !== '')
    throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created');
  admitToNamespace(core, resource, named);
  const fresh = born(core, resource, named);
  const object = admitPod(core, resource, resource.strategy.prepare?.(fresh, undefined) ?? fresh);
  check(core, resource, object);
  const by = { manager, operation, time: wireTime(core.clock.now()), subresource: '' };
  const owned = managedBy(resource, object, by);
  return dryRun === true ? owned : core.store.put(storageKey(resource), owned);
};

/** POST: a new object of the body. */
export const createObject = (
  core: Core,
  resource: Resource,
  namespace: string,
  { body, ...options }: WriteOptions & { readonly body: unknown },
): Written => {
  const { object, warnings } = decode(resource, body, options);
  const made = createDecoded(core, resource, namespace, { ...options, object });
  return { object: made, warnings };
};

const handled = (resource: Resource, why: string) =>
  badRequest(`${resource.kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: ${why}`);

const checkKind = (resource: Resource, body: JsonObject): void => {
  const [kind, apiVersion] = [textAt(body, 'kind'), textAt(body, 'apiVersion')];
  if (kind !== '' && kind !== resource.kind && resource.custom)
    throw invalid({ ...resource, kind }, textAt(body, 'metadata', 'name'), [
      invalidValue('kind', kind, `must be ${resource.kind}`),
    ]);
  if (kind !== '' && kind !== resource.kind)
    throw badRequest(
      `${kind} in version "${resource.version}" cannot be handled as a ${resource.kind}: no kind "${kind}" is registered for version "${groupVersion(resource)}"`,
    );
  if (apiVersion !== '' && apiVersion !== groupVersion(resource))
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version (${groupVersion(resource)})`,
    );
};

const decoded = (resource: Resource, body: JsonObject): JsonObject => {
  if (!resource.custom) return withoutNulls(body);
  const filled = withDefaults(body, resource.schema);
  return isObject(filled) ? filled : body;
};

/** A body as an object of a resource: of the right kind and types, without what the schema does not know. Throws 400. */
export const decode = (resource: Resource, body: unknown, options: WriteOptions): Written => {
  if (!isObject(body)) throw badRequest(`the body of the request is not a ${resource.kind} object`);
  checkKind(resource, body);
  const pruned = pruneUnknown(body, resource.schema);
  const unknown = pruned.unknown.map((field) => `unknown field "${field}"`);
  if (options.fieldValidation === 'Strict' && unknown.length > 0)
    throw handled(resource, `strict decoding error: ${unknown.join(', ')}`);
  const object = decoded(resource, isObject(pruned.value) ? pruned.value : {});
  const named = { ...object, apiVersion: groupVersion(resource), kind: resource.kind };
  return {
    object: kubeObject({
      ...named,
      metadata: isObject(object['metadata']) ? object['metadata'] : {},
    }),
    warnings: options.fieldValidation === 'Warn' ? unknown : [],
  };
};
