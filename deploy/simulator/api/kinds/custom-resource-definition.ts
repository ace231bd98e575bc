import { textAt } from '../../json.ts';
import { nameOf } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { typeFields, objectMetaSchema } from '../schema/schema.ts';
import { column, nameColumn, builtIn } from './built-in.ts';

/** CRDs, as they were read at the start. */
export const customResourceDefinitions: Resource = {
  ...builtIn({
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    shortNames: ['crd', 'crds'],
    namespaced: false,
    readOnly: 'changes of CustomResourceDefinitions: they are read when the cluster starts',
    hasStatus: true,
    statusOnCreate: true,
    model: '',
    description: 'A kind that this cluster serves beside its own.',
    columns: [
      nameColumn,
      { ...column('Created At', (crd) => textAt(crd, 'metadata', 'creationTimestamp')), type: 'date' },
    ],
    fields: (crd) => ({ 'metadata.name': nameOf(crd) }),
  }),
  schema: {
    type: 'object',
    description: 'A kind that this cluster serves beside its own.',
    properties: {
      ...typeFields,
      metadata: objectMetaSchema,
      spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      status: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
};
