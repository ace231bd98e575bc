import type { Core } from '../api/core.ts';
import { type KubeObject, nameOf, namespaceOf } from '../api/kube-object.ts';
import { type Resource, storageKey } from '../api/resource.ts';
import type { Change } from '../api/store.ts';
import type { Timings } from '../timings.ts';
import type { ObjectOperations } from './object-operations.ts';
import type { Program } from './program.ts';

/** What a controller works with. */
export type World = {
  readonly core: Core;
  readonly operations: ObjectOperations;
  readonly timings: Timings;
  readonly program: Program | undefined;
  /** Reports the failures of a controller. */
  readonly failed: (what: string, error: unknown) => void;
};

/** Starts a controller; the answer stops it. */
export type Controller = (world: World) => () => void;

export const keyOf = (object: KubeObject): string => `${namespaceOf(object)}/${nameOf(object)}`;

export const splitKey = (key: string): readonly [string, string] => {
  const at = key.indexOf('/');
  return [key.slice(0, at), key.slice(at + 1)];
};

/** Calls back for every object and for every later change. */
export const subscribe = (
  core: Core,
  resource: Resource,
  heard: (object: KubeObject, change: Change | undefined) => void,
): (() => void) => {
  for (const object of core.store.list(storageKey(resource))) heard(object, undefined);
  return core.store.listen(storageKey(resource), (change) => heard(change.object, change));
};
