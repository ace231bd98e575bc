import { at, objectAt, textAt } from '../../json.ts';
import { kubeObject } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { invalidUntold } from '../schema/field-errors.ts';
import { ageColumn, builtIn, column, nameColumn } from './built-in.ts';

const dataSize = (...fields: readonly string[]) =>
  column('Data', (object) =>
    String(fields.reduce((sum, field) => sum + Object.keys(objectAt(object, field)).length, 0)),
  );

const isImmutable = (object: unknown): boolean => at(object, 'immutable') === true;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Secrets: stringData is a write-only way to fill data. */
export const secrets: Resource = builtIn({
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  model: 'V1Secret',
  description: 'Small pieces of confidential data. This cluster keeps them in plain memory.',
  columns: [nameColumn, column('Type', (object) => textAt(object, 'type')), dataSize('data'), ageColumn],
  fields: (object) => ({ type: textAt(object, 'type') }),
  strategy: {
    prepare: ({ stringData, ...object }) => {
      const written = Object.entries(objectAt({ stringData }, 'stringData'));
      const data = {
        ...objectAt(object, 'data'),
        ...Object.fromEntries(written.map(([key, text]) => [key, base64(String(text))])),
      };
      return kubeObject({
        ...object,
        ...(Object.keys(data).length === 0 ? {} : { data }),
        type: textAt(object, 'type') || 'Opaque',
      });
    },
    validate: (object, old) =>
      old !== undefined && isImmutable(old) && JSON.stringify(old['data']) !== JSON.stringify(object['data'])
        ? [
            {
              ...invalidUntold('data', ''),
              reason: 'FieldValueForbidden',
              detail: 'Forbidden: field is immutable when `immutable` is set',
            },
          ]
        : [],
  },
});

export const serviceAccounts: Resource = builtIn({
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  model: 'V1ServiceAccount',
  description: 'An identity for pods.',
});

export const leases: Resource = builtIn({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  model: 'V1Lease',
  description: 'A claim on something that ends unless it is renewed.',
  createOnUpdate: true,
  unconditionalUpdate: false,
  columns: [nameColumn, column('Holder', (object) => textAt(object, 'spec', 'holderIdentity')), ageColumn],
});
