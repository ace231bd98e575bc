import { randomInt, randomUUID } from 'node:crypto';
import { objectAt, textAt } from '../../json.ts';
import { admitPod, admitToNamespace, admitToQuota } from '../admission.ts';
import { type Core, type WriteOptions, type Written, keptIn } from '../core.ts';
import { type KubeObject, kubeObject, nameOf, namespaceOf, wireTime, withMetadata } from '../kube-object.ts';
import { managedBy } from '../patch/managed-fields.ts';
import { admitToPodSecurity } from '../pod-security.ts';
import { type Resource, storageKey } from '../resource.ts';
import { emptyToUndefined } from '../schema/schema.ts';
import { metadataErrors } from '../schema/metadata-check.ts';
import { StatusError, alreadyExists, badRequest, invalid } from '../status-error.ts';
import { decode } from './decode.ts';

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
