import { isDeepStrictEqual } from 'node:util';
import { isObject, listAt, textAt } from '../../json.ts';
import { type KubeObject, withMetadata } from '../kube-object.ts';
import { type Resource, groupVersion } from '../resource.ts';
import { type FieldSet, type FieldValues, fieldValues, fieldsV1, parseFieldsV1 } from './field-set.ts';

/** One entry of managedFields: who owns which fields, by which kind of write. */
export type Owner = {
  readonly manager: string;
  readonly operation: string;
  readonly apiVersion: string;
  readonly time: string;
  readonly subresource: string;
  readonly fields: FieldSet;
};

export type Manager = { readonly manager: string; readonly time: string; readonly subresource?: string };

export const ownersIn = (object: KubeObject | undefined): readonly Owner[] =>
  listAt(object, 'metadata', 'managedFields')
    .filter(isObject)
    .map((entry) => ({
      manager: textAt(entry, 'manager'),
      operation: textAt(entry, 'operation'),
      apiVersion: textAt(entry, 'apiVersion'),
      time: textAt(entry, 'time'),
      subresource: textAt(entry, 'subresource'),
      fields: parseFieldsV1(entry['fieldsV1']),
    }))
    .filter(({ manager, operation }) => manager !== '' && operation !== '');

const order = (owner: Owner): string =>
  [owner.operation === 'Apply' ? '0' : '1', owner.time, owner.manager, owner.subresource].join(' ');

export const withOwners = (object: KubeObject, owners: readonly Owner[]): KubeObject => {
  const entries = owners
    .filter(({ fields }) => fields.size > 0)
    .toSorted((left, right) => (order(left) < order(right) ? -1 : 1))
    .map(({ manager, operation, apiVersion, time, subresource, fields }) => ({
      apiVersion,
      fieldsType: 'FieldsV1',
      fieldsV1: fieldsV1(fields),
      manager,
      operation,
      ...(subresource === '' ? {} : { subresource }),
      time,
    }));
  return withMetadata(object, { managedFields: entries.length === 0 ? undefined : entries });
};

export const minus = (set: FieldSet, other: { readonly has: (path: string) => boolean }): FieldSet =>
  new Set([...set].filter((path) => !other.has(path)));

export const ownedFields = (resource: Resource, object: KubeObject, subresource: string): FieldValues =>
  fieldValues(object, resource.schema, { subresource, hasStatus: resource.hasStatus });

export const isOwner = (
  owner: Owner,
  {
    manager,
    operation,
    subresource = '',
  }: { readonly manager: string; readonly operation: string; readonly subresource?: string },
): boolean => owner.manager === manager && owner.operation === operation && owner.subresource === subresource;

/** Owners after an entry's fields became others; its time moves only with them. */
export const withOwner = (owners: readonly Owner[], changed: Owner): readonly Owner[] => {
  const known = owners.find((owner) => isOwner(owner, changed));
  const kept = known !== undefined && isDeepStrictEqual(known.fields, changed.fields) ? known : changed;
  return [...owners.filter((owner) => owner !== known), kept];
};

/**
 * managedFields after an update: what it changed is its manager's, what it removed is nobody's. Kept for custom
 * resources only, as only they can be applied by the server here.
 */
export const managedByUpdate = (
  resource: Resource,
  old: KubeObject | undefined,
  object: KubeObject,
  by: Manager,
): KubeObject => {
  if (!resource.custom) return withMetadata(object, { managedFields: undefined });
  const { manager, time, subresource = '' } = by;
  const before = old === undefined ? new Map<string, string>() : ownedFields(resource, old, subresource);
  const after = ownedFields(resource, object, subresource);
  const changed = new Set([...after].filter(([path, value]) => before.get(path) !== value).map(([path]) => path));
  const removed = new Set([...before.keys()].filter((path) => !after.has(path)));
  // Who may write the entries themselves has written them: kubectl does so when it moves from one way of apply to the other.
  const written = ownersIn(object);
  const isMoved =
    old !== undefined &&
    !isDeepStrictEqual(object.metadata['managedFields'], old.metadata['managedFields']) &&
    object.metadata['managedFields'] !== undefined;
  const owners = (isMoved ? written : ownersIn(old)).map((owner) =>
    owner.subresource === subresource || changed.size + removed.size > 0
      ? {
          ...owner,
          fields: minus(
            minus(owner.fields, removed),
            isOwner(owner, { manager, operation: 'Update', subresource }) ? new Set() : changed,
          ),
        }
      : owner,
  );
  const known = owners.find((owner) => isOwner(owner, { manager, operation: 'Update', subresource }));
  const fields = new Set([...(known?.fields ?? []), ...changed]);
  const next: Owner = { manager, operation: 'Update', apiVersion: groupVersion(resource), time, subresource, fields };
  return withOwners(object, changed.size === 0 && known === undefined ? owners : withOwner(owners, next));
};
