import { textAt } from '../../json.ts';
import { nameOf, namespaceOf } from '../kube-object.ts';
import type { Column, Resource } from '../resource.ts';
import { builtInSchema } from '../schema/built-in-schema.ts';
import { since } from '../tables.ts';

export const column = (name: string, cell: Column['cell'], priority = 0): Column => ({
  name,
  type: 'string',
  ...(name === 'Name' ? { format: 'name' } : {}),
  priority,
  cell,
});

export const nameColumn = column('Name', nameOf);
export const ageColumn = column('Age', (object, now) => since(textAt(object, 'metadata', 'creationTimestamp'), now));

/** A built-in kind, with the defaults of most built-in kinds. */
export const builtIn = (
  about: Pick<Resource, 'version' | 'kind' | 'plural'> &
    Partial<Resource> & { readonly model: string; readonly description: string },
): Resource => {
  const { model, description, fields, ...rest } = about;
  return {
    group: '',
    singular: about.kind.toLowerCase(),
    listKind: `${about.kind}List`,
    shortNames: [],
    categories: [],
    namespaced: true,
    hasStatus: false,
    statusOnCreate: false,
    hasGeneration: false,
    createOnUpdate: false,
    unconditionalUpdate: true,
    custom: false,
    schema: builtInSchema(model, description),
    columns: [nameColumn, ageColumn],
    strategy: {},
    ...rest,
    fields: (object) => ({
      'metadata.name': nameOf(object),
      ...(about.namespaced === false ? {} : { 'metadata.namespace': namespaceOf(object) }),
      ...fields?.(object),
    }),
  };
};
