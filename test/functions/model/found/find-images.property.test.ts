import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { type FoundPlacement, placementKey, withFound } from '#model/cache/found-images.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { allowedFound, imagePatterns, isAllowedImage } from '#model/cache/tenancy.ts';
import { findImages } from '#model/found/find-images.ts';
import type { Readings } from '#model/found/groups.ts';
import { serializeStatus } from '#model/status/serialize-status.ts';
import { parseImageSource } from '#model/workload/image-sources.ts';
import { workloadKinds } from '#model/workload/workload.ts';
import { repetitions } from '../../../support/repetitions.ts';

const noon = Date.UTC(2026, 10, 24, 12);
const kind = workloadKinds.find((each) => each.kind === 'Deployment');

const text = fc.oneof(
  fc.constantFrom('web:1', 'web:2', 'api:1', 'db', 'Web', '$(X)', ''),
  fc.string({ unit: 'binary', maxLength: 12 }),
);
const label = fc.constantFrom('a', 'b', '__proto__', 'constructor', 'é', '');
const expression = fc.record({
  key: label,
  operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt'),
  values: fc.array(label, { maxLength: 2 }),
});
const workload = fc.record({
  metadata: fc.record({ name: fc.constantFrom('w-1', 'w-2', 'w-3', 'ü') }),
  spec: fc.record({
    template: fc.record({
      spec: fc.record(
        {
          containers: fc.array(fc.record({ name: text, image: text }), { minLength: 1, maxLength: 4 }),
          imagePullSecrets: fc.array(fc.record({ name: fc.constantFrom('s1', 's2', '') }), { maxLength: 2 }),
          nodeSelector: fc.dictionary(label, label, { maxKeys: 2 }),
          tolerations: fc.array(fc.record({ key: label, operator: fc.constantFrom('Exists', 'Equal') }), {
            maxLength: 2,
          }),
          affinity: fc.record({
            nodeAffinity: fc.record({
              requiredDuringSchedulingIgnoredDuringExecution: fc.record({
                nodeSelectorTerms: fc.array(fc.record({ matchExpressions: fc.array(expression, { maxLength: 2 }) }), {
                  maxLength: 3,
                }),
              }),
            }),
          }),
        },
        { requiredKeys: ['containers'] },
      ),
    }),
  }),
});
const reading = fc.record({ workloads: fc.array(workload, { maxLength: 5 }), isComplete: fc.boolean() });
const lists = fc.array(
  fc.record({ nodes: fc.constantFrom('Selected', 'AsPods'), keepSeconds: fc.constantFrom(0, 60, 3600) }),
  { minLength: 1, maxLength: 3 },
);
const limits = fc.record({
  images: fc.nat({ max: 4 }),
  imageBytes: fc.nat({ max: 20 }),
  tenantImages: fc.constantFrom(undefined, { apps: ['docker.io/library/web:1', 'docker.io/library/api'] }, {}),
});

type Read = { readonly workloads: readonly object[]; readonly isComplete: boolean };

const readingsOf = (all: readonly Read[], count: number): Readings => ({
  lists: Array.from({ length: count }, (_, list) => {
    const { workloads, isComplete } = all[list] ?? { workloads: [], isComplete: true };
    const sources = workloads.flatMap((each) => (kind === undefined ? [] : [parseImageSource(each, kind)]));
    return { list, sources, isComplete, problems: [] };
  }),
  accounts: { secrets: new Map([['default', ['s3']]]), isComplete: true },
  account: 'default',
});

const metadata = { name: 'web', namespace: 'apps', uid: 'u', resourceVersion: '1', generation: 1 };

/** As the API server has it after this was found. */
function stored(spec: object, cache: ImageCache, found: ImageCache['found']): ImageCache {
  const next = withFound(cache, found);
  const status: unknown = JSON.parse(JSON.stringify(serializeStatus({ ...next.status, found }, next)));
  return parseImageCache({ metadata, spec, status });
}

const keyOf = (list: number, pods: FoundPlacement | undefined, image: string): string =>
  JSON.stringify([list, placementKey(pods), image]);

/** The images that were found, each with its list and nodes. */
const foundIn = ({ status }: ImageCache): readonly string[] =>
  status.found.lists.flatMap(({ list, pods, images }) => images.map(({ image }) => keyOf(list, pods, image)));

/** Whether no workload named an image before: it then leaves when others need its room. */
const isOnlyKept = ({ status }: ImageCache, key: string): boolean =>
  status.found.lists.some(({ list, pods, images }) =>
    images.some(({ image, workloadCount }) => workloadCount === 0 && keyOf(list, pods, image) === key),
  );

/** Those that must stay, as a workload names them, or as it may be one that was not read. */
function staying(
  cache: ImageCache,
  { lists: read }: Readings,
  patterns: readonly string[] | undefined,
): readonly string[] {
  const named = new Set(
    read.flatMap(({ list, sources }) =>
      sources.flatMap(({ images, placement }) => {
        const pods = cache.spec.lists[list]?.imagesFrom?.nodes === 'AsPods' ? placement : undefined;
        return images.filter((image) => isAllowedImage(image, patterns)).map((image) => keyOf(list, pods, image));
      }),
    ),
  );
  const isRead = new Map(read.map(({ list, isComplete }) => [list, isComplete]));
  return cache.status.found.lists.flatMap(({ list, pods, images }) =>
    images.map(({ image }) => keyOf(list, pods, image)).filter((key) => isRead.get(list) === false || named.has(key)),
  );
}

it('what is found stays while it is named, is found again with the same workloads, and is stored as it is', () => {
  fc.assert(
    fc.property(lists, fc.array(reading, { minLength: 1, maxLength: 4 }), limits, (of, all, most) => {
      const spec = { cacheSpec: of.map((imagesFrom) => ({ imagesFrom: { kinds: ['Deployment'], ...imagesFrom } })) };
      let cache = parseImageCache({ metadata, spec });
      for (const [turn, each] of all.entries()) {
        const readings = readingsOf([each, ...all], of.length);
        const find = () => findImages(cache, readings, most, noon + turn * 45_000);
        const stay = staying(cache, readings, imagePatterns('apps', most)).filter((key) => !isOnlyKept(cache, key));
        cache = stored(spec, cache, find());
        expect(stay.filter((key) => !foundIn(cache).includes(key))).toEqual([]);
        expect(find()).toBe(cache.status.found);
        expect(allowedFound(cache, most)).toBe(cache.found);
      }
    }),
    { numRuns: repetitions(100, 3000) },
  );
});
