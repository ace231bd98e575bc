import { objectAt, textAt, textsAt } from '../../json.ts';
import { kubeObject } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { ageColumn, builtIn, column, nameColumn } from './built-in.ts';

/** Secrets: stringData is a write-only way to fill data. */
export const secrets: Resource = builtIn({
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  model: 'V1Secret',
  description: 'Small pieces of confidential data. This cluster keeps them in plain memory.',
  columns: [nameColumn, column('Type', (object) => textAt(object, 'type')), ageColumn],
  strategy: {
    prepare: ({ stringData, ...object }) => {
      const texts = Object.entries(textsAt({ stringData }, 'stringData'));
      const written = Object.fromEntries(texts.map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
      return kubeObject({ type: 'Opaque', ...object, data: { ...objectAt(object, 'data'), ...written } });
    },
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
