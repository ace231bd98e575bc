import {
  type KubeObject,
  finalizersOf,
  isTerminating,
  namespaceOf,
  nameOf,
  ownersOf,
  uidOf,
  withMetadata,
} from '../api/kube-object.ts';
import { type Resource, storageKey } from '../api/resource.ts';
import { type Controller, type World, subscribe } from './controller.ts';
import { createQueue } from './queue.ts';

type Kept = { readonly resource: Resource; readonly object: KubeObject };

const everything = ({ core }: World): readonly Kept[] =>
  core.registry
    .all()
    .flatMap((resource) => core.store.list(storageKey(resource)).map((object) => ({ resource, object })));

const dependentsOf = (world: World, owner: string): readonly Kept[] =>
  everything(world).filter(({ object }) => ownersOf(object).some(({ uid }) => uid === owner));

/** Whether an owner is still there; one in another namespace never is. */
const isThere = (
  { core, operations }: World,
  object: KubeObject,
  owner: ReturnType<typeof ownersOf>[number],
): boolean => {
  const resource = core.registry.ofKind(owner.apiVersion, owner.kind);
  // What kind that is nobody here knows: so nobody can say that it is gone.
  if (resource === undefined) return true;
  const found = operations.find(resource, resource.namespaced ? namespaceOf(object) : '', owner.name);
  return found !== undefined && uidOf(found) === owner.uid;
};

const withoutFinalizer =
  (finalizer: string) =>
  (object: KubeObject): KubeObject =>
    withMetadata(object, { finalizers: finalizersOf(object).filter((one) => one !== finalizer) });

const orphan = (world: World, { resource, object }: Kept): void => {
  for (const dependent of dependentsOf(world, uidOf(object)))
    world.operations.update(dependent.resource, dependent.object, (current) =>
      withMetadata(current, { ownerReferences: ownersOf(current).filter(({ uid }) => uid !== uidOf(object)) }),
    );
  world.operations.update(resource, object, withoutFinalizer('orphan'));
};

/** Deletes the dependents first; answers whether the owner still waits for them. */
const foreground = (world: World, { resource, object }: Kept): boolean => {
  const dependents = dependentsOf(world, uidOf(object));
  for (const dependent of dependents)
    if (!isTerminating(dependent.object))
      world.operations.remove(dependent.resource, dependent.object, { propagationPolicy: 'Background' });
  const waits = dependentsOf(world, uidOf(object)).some((dependent) =>
    ownersOf(dependent.object).some(({ uid, blockOwnerDeletion }) => uid === uidOf(object) && blockOwnerDeletion),
  );
  if (!waits) world.operations.update(resource, object, withoutFinalizer('foregroundDeletion'));
  return waits;
};

const lookAt = (world: World, kept: Kept): boolean => {
  const { resource, object } = kept;
  if (isTerminating(object) && finalizersOf(object).includes('orphan')) orphan(world, kept);
  else if (isTerminating(object) && finalizersOf(object).includes('foregroundDeletion')) return foreground(world, kept);
  const owners = ownersOf(object);
  if (owners.length > 0 && !isTerminating(object) && !owners.some((owner) => isThere(world, object, owner)))
    world.operations.remove(resource, object, { propagationPolicy: 'Background' });
  return false;
};

/** Deletes what has lost all its owners, and carries out the propagation that a deletion asked for. */
export const garbageCollector: Controller = (world) => {
  const resources = world.core.registry.all();
  const look = (key: string): void => {
    const [index, namespace = '', name = ''] = key.split('|');
    const resource = resources[Number(index)];
    const object = resource && world.operations.find(resource, namespace, name);
    if (resource !== undefined && object !== undefined && lookAt(world, { resource, object })) queue.add(key, 100);
  };
  const queue = createQueue(world.core.clock, look, (key, error) => world.failed(`garbage ${key}`, error));
  const keyOf = (resource: Resource, object: KubeObject): string =>
    [resources.indexOf(resource), namespaceOf(object), nameOf(object)].join('|');
  const stops = resources.map((resource) =>
    subscribe(world.core, resource, (object, change) => {
      if (change?.type === 'DELETED')
        for (const dependent of dependentsOf(world, uidOf(object)))
          queue.add(keyOf(dependent.resource, dependent.object));
      else if (isTerminating(object) || ownersOf(object).length > 0) queue.add(keyOf(resource, object));
    }),
  );
  return () => {
    for (const stop of stops) stop();
    queue.stop();
  };
};
