import { objectAt, textAt } from '../json.ts';
import { usedOf } from '../api/admission.ts';
import { resourceQuotas } from '../api/kinds/plain.ts';
import { namespaceOf } from '../api/kube-object.ts';
import { type Controller, subscribe, keyOf, splitKey, createQueue } from './controller.ts';

/** Keeps status.used of quotas up to date. */
export const quotaController: Controller = (world) => {
  const { core, operations } = world;
  const look = (key: string): void => {
    const [namespace, name] = splitKey(key);
    const quota = operations.find(resourceQuotas, namespace, name);
    if (quota === undefined) return;
    const used = Object.fromEntries(
      Object.keys(objectAt(quota, 'spec', 'hard')).map((counted) => [
        counted,
        String(usedOf(core, counted, namespace)),
      ]),
    );
    operations.update(
      resourceQuotas,
      quota,
      (current) => ({ ...current, status: { hard: objectAt(current, 'spec', 'hard'), used } }),
      'status',
    );
  };
  const queue = createQueue(core.clock, look, (key, error) => world.failed(`quota ${key}`, error));
  const stops = core.registry.all().map((resource) =>
    subscribe(core, resource, (object) => {
      if (textAt(object, 'kind') === 'Event') return;
      for (const quota of operations.list(resourceQuotas, namespaceOf(object))) queue.add(keyOf(quota), 100);
    }),
  );
  return () => {
    for (const stop of stops) stop();
    queue.stop();
  };
};
