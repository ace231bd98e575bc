import { type KubeObject, isTerminating, namespaceOf, nameOf, ownersOf, uidOf } from '../api/kube-object.ts';
import type { Resource } from '../api/resource.ts';
import { type Controller, type World, subscribe } from './controller.ts';
import { objectIndex } from './object-index.ts';
import { createQueue } from './queue.ts';

type Kept = { readonly resource: Resource; readonly object: KubeObject };

/** Whether an owner is still there; one in another namespace never is. */
const isThere = (
  { core, operations }: World,
  object: KubeObject,
  owner: ReturnType<typeof ownersOf>[number],
): boolean => {
  const resource = core.registry.ofKind(owner.apiVersion, owner.kind);
  // The kind is unknown, so the owner cannot be known to be gone.
  if (resource === undefined) return true;
  const found = operations.find(resource, resource.namespaced ? namespaceOf(object) : '', owner.name);
  return found !== undefined && uidOf(found) === owner.uid;
};

const lookAt = (world: World, { resource, object }: Kept): void => {
  const owners = ownersOf(object);
  if (owners.length > 0 && !isTerminating(object) && !owners.some((owner) => isThere(world, object, owner)))
    world.operations.remove(resource, object, { propagationPolicy: 'Background' });
};

/** Deletes what has lost all its owners. */
export const garbageCollector: Controller = (world) => {
  const resources = world.core.registry.all();
  const look = (key: string): void => {
    const [index, namespace = '', name = ''] = key.split('|');
    const resource = resources[Number(index)];
    const object = resource && world.operations.find(resource, namespace, name);
    if (resource !== undefined && object !== undefined) lookAt(world, { resource, object });
  };
  const queue = createQueue(world.core.clock, look, (key, error) => world.failed(`garbage ${key}`, error));
  const keyOf = (resource: Resource, object: KubeObject): string =>
    [resources.indexOf(resource), namespaceOf(object), nameOf(object)].join('|');
  const byOwner = resources.map((resource) => ({
    resource,
    index: objectIndex(world.core, resource, (object) => ownersOf(object).map(({ uid }) => uid)),
  }));
  const stops = resources.map((resource) =>
    subscribe(world.core, resource, (object, change) => {
      if (change?.type === 'DELETED')
        for (const { resource: of, index } of byOwner)
          for (const dependent of index.of(uidOf(object))) queue.add(keyOf(of, dependent));
      else if (ownersOf(object).length > 0) queue.add(keyOf(resource, object));
    }),
  );
  return () => {
    for (const stop of stops) stop();
    for (const { index } of byOwner) index.stop();
    queue.stop();
  };
};
