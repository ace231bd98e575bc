import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { functionNames } from '#model/cache/cloud-event.ts';
import { deployedName } from '../interop/deployed-name.ts';

const selection = z.object({ key: z.string(), values: z.array(z.string()) });
const policy = z.object({
  kind: z.literal('NetworkPolicy'),
  spec: z.object({
    podSelector: z.object({ matchExpressions: z.array(selection) }),
    policyTypes: z.array(z.string()),
    ingress: z.array(
      z.object({ from: z.array(z.object({ namespaceSelector: z.object({ matchExpressions: z.array(selection) }) })) }),
    ),
  }),
});

it.each([
  ['Knative', 'deploy/knative/functions/networkpolicy.yaml', 'serving.knative.dev/service', 'knative-serving'],
  ['OpenFaaS CE', 'deploy/openfaas/ce/source.yaml', 'faas_function', 'openfaas'],
  ['OpenFaaS Pro', 'deploy/openfaas/pro/source.yaml', 'faas_function', 'openfaas'],
])('on %s, only the platform reaches the functions', async (_, file, key, namespace) => {
  const documents = [parseAllDocuments(await readFile(file, 'utf8'))].flat();
  const found = documents.flatMap((document) => policy.safeParse(document.toJS()).data ?? []);
  expect(found).toHaveLength(1);
  const [{ spec } = { spec: undefined }] = found;
  expect(spec?.podSelector.matchExpressions).toEqual([{ key, values: functionNames.map(deployedName) }]);
  expect(spec?.policyTypes).toEqual(['Ingress']);
  const peers = spec?.ingress.flatMap(({ from }) => from.flatMap((each) => each.namespaceSelector.matchExpressions));
  expect(peers).toHaveLength(1);
  expect(peers?.[0]).toMatchObject({ key: 'kubernetes.io/metadata.name' });
  expect(peers?.[0]?.values).toContain(namespace);
});
