import { type KubeObject, isTerminating, namespaceOf, nameOf, ownersOf, uidOf } from '../api/kube-object.ts';
import { type Resource, storageKey } from '../api/resource.ts';
import { type Controller, type World, subscribe, objectIndex, createQueue } from './controller.ts';
import { namespaces, serviceAccounts } from '../api/kinds/plain.ts';

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

const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } } as const;

/** Deletes what is in a namespace; answers how much is still there. */
const empty = ({ core, operations }: World, namespace: string): number => {
  const inside = core.registry.all().filter((one) => one.namespaced);
  for (const resource of inside)
    for (const object of operations.list(resource, namespace))
      if (!isTerminating(object)) operations.remove(resource, object, { propagationPolicy: 'Background' });
  return inside.reduce((sum, resource) => sum + operations.list(resource, namespace).length, 0);
};

/** Gives every namespace its default service account, and empties one that is deleted. */
export const namespaceController: Controller = (world) => {
  const { core, operations } = world;
  const look = (name: string): void => {
    const namespace = operations.find(namespaces, '', name);
    if (namespace === undefined) return;
    if (!isTerminating(namespace)) {
      if (operations.find(serviceAccounts, name, 'default') === undefined)
        operations.create(serviceAccounts, name, account);
      return;
    }
    if (empty(world, name) > 0) queue.add(name, 200);
    else core.store.remove(storageKey(namespaces), namespace);
  };
  const queue = createQueue(core.clock, look, (key, error) => world.failed(`namespace ${key}`, error));
  const unhear = subscribe(core, namespaces, (namespace: KubeObject) => queue.add(nameOf(namespace)));
  return () => {
    unhear();
    queue.stop();
  };
};
