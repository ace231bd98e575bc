import type { Core } from '../api/core.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { Resource } from '../api/resource.ts';
import { keyOf, subscribe } from './controller.ts';

/** The objects of a kind by what is read from each, such as the node of a Pod: looked up without listing all. */
export type ObjectIndex = {
  readonly of: (value: string) => readonly KubeObject[];
  readonly stop: () => void;
};

/** Indexes a kind by the values that `valuesOf` reads from each object, and follows every change. */
export const objectIndex = (
  core: Core,
  resource: Resource,
  valuesOf: (object: KubeObject) => readonly string[],
): ObjectIndex => {
  const byValue = new Map<string, Map<string, KubeObject>>();
  const forget = (object: KubeObject): void => {
    for (const value of valuesOf(object)) {
      const some = byValue.get(value);
      some?.delete(keyOf(object));
      if (some?.size === 0) byValue.delete(value);
    }
  };
  const add = (object: KubeObject): void => {
    for (const value of valuesOf(object)) {
      const some = byValue.get(value) ?? new Map<string, KubeObject>();
      byValue.set(value, some.set(keyOf(object), object));
    }
  };
  return {
    of: (value) => [...(byValue.get(value)?.values() ?? [])],
    stop: subscribe(core, resource, (object, change) => {
      if (change?.previous !== undefined) forget(change.previous);
      if (change?.type !== 'DELETED') add(object);
    }),
  };
};
