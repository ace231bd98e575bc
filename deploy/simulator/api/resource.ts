import type { GroupKind, FieldError } from './status-error.ts';
import type { KubeObject } from './kube-object.ts';
import type { Schema } from './schema/schema.ts';

/** One column of a server-side table; wide ones have a priority above 0. */
export type Column = {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly priority: number;
  readonly description?: string;
  readonly cell: (object: KubeObject, now: number) => string | number | boolean | undefined;
};

/** What is peculiar to a kind, beyond its schema. */
type Strategy = {
  /** Fills in what the API server fills in; `old` is absent on create. */
  readonly prepare?: (object: KubeObject, old: KubeObject | undefined) => KubeObject;
  readonly validate?: (object: KubeObject, old: KubeObject | undefined, subresource: string) => readonly FieldError[];
  /** Seconds of grace when the request names none; undefined deletes at once. */
  readonly grace?: (object: KubeObject) => number;
};

/** One kind served: all that the generic code needs to know of it. */
export type Resource = GroupKind & {
  readonly version: string;
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly hasStatus: boolean;
  /** Whether a body's status survives a create although there is a status subresource, as with Nodes. */
  readonly statusOnCreate: boolean;
  /** Whether metadata.generation counts changes of anything but metadata and status. */
  readonly hasGeneration: boolean;
  readonly createOnUpdate: boolean;
  readonly unconditionalUpdate: boolean;
  readonly custom: boolean;
  /** Why it cannot be written; absent where it can. */
  readonly readOnly?: string;
  readonly schema: Schema;
  readonly columns: readonly Column[];
  /** The values that a field selector may ask for, by field. */
  readonly fields: (object: KubeObject) => Record<string, string>;
  readonly strategy: Strategy;
};

export const groupVersion = (resource: { readonly group: string; readonly version: string }): string =>
  resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;

/** The key under which objects of a resource are stored. */
export const storageKey = (resource: Resource): string => `${resource.group}/${resource.plural}`;
