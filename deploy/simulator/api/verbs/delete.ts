import { type JsonObject, at, isObject, numberAt, textAt } from '../../json.ts';
import { type Core, keptIn } from '../core.ts';
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
import { type Resource, storageKey } from '../resource.ts';
import { conflict, notFound, notImplemented } from '../status-error.ts';

export type DeleteOptions = {
  readonly dryRun?: boolean;
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
};

export type Deleted = {
  readonly object: KubeObject;
  readonly isGone: boolean;
};

/** The options of a DELETE, of its body (metav1.DeleteOptions) and its query. */
export const deleteOptions = (body: unknown, query: URLSearchParams): DeleteOptions => {
  const grace =
    numberAt(body, 'gracePeriodSeconds') ??
    (query.has('gracePeriodSeconds') ? Number(query.get('gracePeriodSeconds')) : undefined);
  const policy = textAt(body, 'propagationPolicy') || (query.get('propagationPolicy') ?? '');
  const [uid, resourceVersion] = [
    textAt(body, 'preconditions', 'uid'),
    textAt(body, 'preconditions', 'resourceVersion'),
  ];
  if (policy !== '' && policy !== 'Background') throw notImplemented(`propagationPolicy ${policy}`);
  return {
    dryRun: query.get('dryRun') === 'All' || (isObject(body) && JSON.stringify(body['dryRun']) === '["All"]'),
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(policy === '' ? {} : { propagationPolicy: policy }),
    ...(uid === '' ? {} : { uid }),
    ...(resourceVersion === '' ? {} : { resourceVersion }),
  };
};

const checkPreconditions = (resource: Resource, object: KubeObject, { uid, resourceVersion }: DeleteOptions): void => {
  const kind = { ...resource, plural: resource.kind };
  if (uid !== undefined && uid !== uidOf(object))
    throw conflict(
      kind,
      nameOf(object),
      `the UID in the precondition (${uid}) does not match the UID in record (${uidOf(object)}). The object might have been deleted and then recreated`,
    );
  if (resourceVersion !== undefined && resourceVersion !== versionOf(object))
    throw conflict(
      kind,
      nameOf(object),
      `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${versionOf(object)}). The object might have been modified`,
    );
};

const marked = (core: Core, object: KubeObject, grace: number): KubeObject => {
  const generation = generationOf(object);
  return withMetadata(object, {
    deletionTimestamp:
      isTerminating(object) && grace !== 0
        ? at(object, 'metadata', 'deletionTimestamp')
        : wireTime(core.clock.now() + grace * 1000),
    deletionGracePeriodSeconds: grace,
    generation:
      generation === 0 || isTerminating(object) ? (generation === 0 ? undefined : generation) : generation + 1,
  });
};

/** DELETE: removes an object, or marks it as terminating if it has finalizers or a grace period. */
export const deleteObject = (
  core: Core,
  resource: Resource,
  { namespace, name, ...options }: DeleteOptions & { readonly namespace: string; readonly name: string },
): Deleted => {
  const old = keptIn(core, resource, namespace, name);
  if (old === undefined) throw notFound(resource, name);
  checkPreconditions(resource, old, options);
  // The API server would keep the Pods.
  if (resource.kind === 'Job' && options.propagationPolicy === undefined)
    throw notImplemented('deletion of a Job without propagationPolicy Background');
  const byKind = resource.strategy.grace?.(old) ?? 0;
  const wished = byKind === 0 ? 0 : (options.gracePeriodSeconds ?? byKind);
  const grace = isTerminating(old)
    ? Math.min(wished, numberAt(old, 'metadata', 'deletionGracePeriodSeconds') ?? wished)
    : wished;
  const stays = grace > 0 || finalizersOf(old).length > 0 || resource.kind === 'Namespace';
  const left = stays ? marked(core, old, grace) : old;
  const result = resource.kind === 'Namespace' ? kubeObject({ ...left, status: { phase: 'Terminating' } }) : left;
  if (options.dryRun === true) return { object: result, isGone: !stays };
  const stored = stays
    ? JSON.stringify(result) === JSON.stringify(old)
      ? old
      : core.store.put(storageKey(resource), result)
    : core.store.remove(storageKey(resource), old);
  return { object: stored, isGone: !stays };
};

/** What a DELETE answers where the object is gone at once. */
export const deletedStatus = (resource: Resource, object: KubeObject): JsonObject => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: {
    name: nameOf(object),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
    uid: uidOf(object),
  },
});
