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
import { conflict, invalid, notFound } from '../status-error.ts';
import { unsupported } from '../schema/field-errors.ts';

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
  readonly warnings: readonly string[];
};

const keptPods =
  'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning' as const;

const policies = ['Foreground', 'Background', 'Orphan'] as const;

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
  if (policy !== '' && !policies.some((one) => one === policy))
    throw invalid({ group: 'meta.k8s.io', kind: 'DeleteOptions', plural: '' }, '', [
      unsupported('propagationPolicy', policy, [...policies, 'nil']),
    ]);
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

/** Sets the finalizers that instruct the garbage collector: the Pods of a Job are orphaned unless the request says otherwise. */
const withPropagation = (resource: Resource, object: KubeObject, policy: string | undefined): KubeObject => {
  const others = finalizersOf(object).filter((one) => one !== 'orphan' && one !== 'foregroundDeletion');
  const own = { Orphan: 'orphan', Foreground: 'foregroundDeletion' }[
    policy ?? (resource.kind === 'Job' ? 'Orphan' : '')
  ];
  const kept =
    policy === undefined && resource.kind !== 'Job'
      ? finalizersOf(object)
      : own === undefined
        ? others
        : [...others, own];
  return withMetadata(object, { finalizers: kept.length === 0 ? undefined : kept });
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
  const warnings = resource.kind === 'Job' && options.propagationPolicy === undefined ? [keptPods] : [];
  const byKind = resource.strategy.grace?.(old) ?? 0;
  const wished = byKind === 0 ? 0 : (options.gracePeriodSeconds ?? byKind);
  const grace = isTerminating(old)
    ? Math.min(wished, numberAt(old, 'metadata', 'deletionGracePeriodSeconds') ?? wished)
    : wished;
  const object = withPropagation(resource, old, options.propagationPolicy);
  const stays = grace > 0 || finalizersOf(object).length > 0 || resource.kind === 'Namespace';
  const left = stays ? marked(core, object, grace) : object;
  const result = resource.kind === 'Namespace' ? kubeObject({ ...left, status: { phase: 'Terminating' } }) : left;
  if (options.dryRun === true) return { object: result, isGone: !stays, warnings };
  const stored = stays
    ? JSON.stringify(result) === JSON.stringify(old)
      ? old
      : core.store.put(storageKey(resource), result)
    : core.store.remove(storageKey(resource), object);
  return { object: stored, isGone: !stays, warnings };
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
