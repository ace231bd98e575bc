import { type KubeObject, isTerminating, nameOf } from '../api/kube-object.ts';
import { namespaces } from '../api/kinds/namespace.ts';
import { serviceAccounts } from '../api/kinds/plain.ts';
import { storageKey } from '../api/resource.ts';
import { type Controller, type World, subscribe } from './controller.ts';
import { createQueue } from './queue.ts';

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
