import type { Clock } from '../clock.ts';
import type { KubeObject } from './kube-object.ts';
import type { Registry } from './registry.ts';
import { type Resource, storageKey } from './resource.ts';
import type { Store } from './store.ts';

/** What every verb works on. */
export type Core = {
  readonly store: Store;
  readonly registry: Registry;
  readonly clock: Clock;
};

export type WriteOptions = {
  readonly dryRun?: boolean;
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  /** The name and operation under which the write appears in managedFields. */
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
};

export type Written = { readonly object: KubeObject; readonly warnings: readonly string[] };

export const keptIn = (core: Core, resource: Resource, namespace: string, name: string): KubeObject | undefined =>
  core.store.get(storageKey(resource), namespace, name);
