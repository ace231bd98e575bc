import { isObject, listAt, textAt } from '../../json.ts';
import { type KubeObject, withMetadata } from '../kube-object.ts';
import { type Resource, groupVersion } from '../resource.ts';

export type Manager = {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly time: string;
  readonly subresource: string;
};

/** A custom resource with its last writers and their times in managedFields, without the fields that they wrote. */
export const managedBy = (resource: Resource, object: KubeObject, by: Manager): KubeObject => {
  if (!resource.custom) return withMetadata(object, { managedFields: undefined });
  const { manager, operation, time, subresource } = by;
  const others = listAt(object, 'metadata', 'managedFields')
    .filter(isObject)
    .filter(
      (entry) =>
        textAt(entry, 'manager') !== manager ||
        textAt(entry, 'operation') !== operation ||
        textAt(entry, 'subresource') !== subresource,
    );
  const written = { apiVersion: groupVersion(resource), fieldsType: 'FieldsV1', fieldsV1: {} };
  const entry = { ...written, manager, operation, ...(subresource === '' ? {} : { subresource }), time };
  return withMetadata(object, { managedFields: [...others, entry] });
};
