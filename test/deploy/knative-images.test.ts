import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import { madeAnnotation, madeCache, madeCacheName } from '#model/knative/made-cache.ts';

const root = join(import.meta.dirname, '../..');
const rule = z.object({
  apiGroups: z.array(z.string()),
  resources: z.array(z.string()),
  resourceNames: z.optional(z.array(z.string())),
  verbs: z.array(z.string()),
});
const object = z.looseObject({
  kind: z.string(),
  metadata: z.object({ name: z.string() }),
  rules: z._default(z.array(rule), []),
  roleRef: z.optional(z.object({ name: z.string() })),
  subjects: z._default(z.array(z.object({ name: z.string(), namespace: z.string() })), []),
});
const read = (file: string): Promise<string> => readFile(join(root, 'deploy', file), 'utf8');

/** The rights that a manifest gives to each account. */
async function rightsIn(file: string): Promise<Readonly<Record<string, readonly string[]>>> {
  const objects = parseAllDocuments(await read(file)).map((each) => object.parse(each.toJS()));
  const rights = new Map<string, string[]>();
  for (const { roleRef, subjects } of objects)
    for (const { name, namespace } of subjects) {
      const { rules } = objects.find((each) => each.kind === 'ClusterRole' && each.metadata.name === roleRef?.name) ?? {
        rules: [],
      };
      const given = rules.flatMap(({ apiGroups, resources, resourceNames = [''], verbs }) =>
        verbs.flatMap((verb) =>
          [verb, ...apiGroups, ...resources, ...resourceNames].filter((part) => part !== '').join(' '),
        ),
      );
      const key = `${namespace}/${name}`;
      rights.set(key, [...(rights.get(key) ?? []), ...given].toSorted());
    }
  return Object.fromEntries(rights);
}

const images = ['list caching.internal.knative.dev images', 'patch caching.internal.knative.dev images/status'];
const watched = ['list caching.internal.knative.dev images', 'watch caching.internal.knative.dev images'];
const made = [
  'create kubefledged.io imagecaches',
  `delete kubefledged.io imagecaches ${madeCacheName}`,
  'list serviceaccounts',
  'list serving.knative.dev revisions',
];
const all = (...rights: readonly (readonly string[])[]): readonly string[] => [...new Set(rights.flat())].toSorted();

describe('the rights for Images of Knative', () => {
  it.each([
    ['kubectl', { 'kube-fledged/imagecache-functions': all(images, watched, made) }],
    [
      'knative',
      {
        'kube-fledged/imagecache-reconcile': all(images, made),
        'kube-fledged/imagecache-refresh': all(images, made),
        'kube-fledged/imagecache-job-complete': all(images),
        'kube-fledged/imagecache-source': all(watched),
      },
    ],
    ...[
      ['ce', 'default'],
      ['pro', 'imagecache-functions'],
    ].map(
      ([edition = '', account = '']) =>
        [
          `openfaas/${edition}`,
          { [`openfaas-fn/${account}`]: all(images, made), 'openfaas-fn/imagecache-functions-source': all(watched) },
        ] as const,
    ),
  ] as const)('are in deploy/%s/knative-images.yaml, and no others', async (folder, expected) => {
    expect(await rightsIn(`${folder}/knative-images.yaml`)).toEqual(expected);
  });

  it('are limited by the admission policy to the cache that is made', async () => {
    const policy = (await read('policy/admission-policy.yaml')).replaceAll(/\s+/g, ' ');
    const { kinds, nodes } = madeCache('apps').spec.cacheSpec[0].imagesFrom;
    expect(policy).toContain(`object.metadata.name == '${madeCacheName}'`);
    expect(policy).toContain(`{'${madeAnnotation.key}': '${madeAnnotation.value}'}`);
    expect(policy).toContain(`{'imagesFrom': {'kinds': dyn(['${kinds.join()}']), 'nodes': dyn('${nodes}')}}`);
  });
});
