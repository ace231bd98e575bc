import { expect, it } from 'vitest';
import type { ImagesFrom } from '#model/cache/found-images.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { isEmptied, isMade, madeAnnotation, madeCache, madeCacheName } from '#model/knative/made-cache.ts';
import { cache, list, round, status } from '../builders.ts';

const imagesFrom: ImagesFrom = {
  kinds: ['Revision'],
  selector: { matchLabels: {}, matchExpressions: [] },
  nodes: 'AsPods',
  keepSeconds: 3600,
};
const asMade = parseImageCache({
  ...madeCache('apps'),
  metadata: { ...madeCache('apps').metadata, uid: 'uid', resourceVersion: '1' },
}).spec;
const empty = cache({
  name: madeCacheName,
  annotations: { [madeAnnotation.key]: madeAnnotation.value },
  spec: asMade,
  status: status({ observedGeneration: 1, status: 'NoImagesPulledOrDeleted', round: round(), completionTime: 1 }),
});
const found = {
  ...{ pullSecrets: [], recordedAt: 1, problem: '' },
  lists: [
    {
      list: 0,
      listHash: '',
      pods: undefined,
      images: [{ image: 'a:1', workloads: [], workloadCount: 0, unnamedSince: 1 }],
    },
  ],
};
const placement = { images: ['a:1'], nodeSelector: {}, nodeMatchExpressions: [], sinceGeneration: 1, lists: [] };
const removal = newRemovalEntry('id', 'hash', 1);

it('the cache for Images is what is made', () => {
  expect(isMade(madeCache('apps').metadata)).toBe(true);
  expect(isMade({ ...empty, name: 'other' })).toBe(false);
  expect(isMade({ ...empty, annotations: {} })).toBe(false);
});

it('can be deleted once nothing of it is on a node', () => {
  expect(isEmptied(empty)).toBe(true);
});

it.each<[string, Partial<ImageCache>]>([
  ['somebody else made it', { annotations: {} }],
  ['it is being deleted', { isBeingDeleted: true }],
  ['its spec is not observed yet', { generation: 2 }],
  ['it has no status yet', { status: status() }],
  ['a round is open', { status: { ...empty.status, status: 'Processing', completionTime: undefined } }],
  ['an image is kept for a rollback', { found }],
  ['a user has listed an image', { spec: { ...asMade, lists: [list(['own:1'], { imagesFrom })] } }],
  [
    'a user has edited a list',
    { spec: { ...asMade, lists: [list([], { imagesFrom: { ...imagesFrom, keepSeconds: 0 } })] } },
  ],
  ['a user has suspended it', { spec: { ...asMade, suspend: true } }],
  ['its images may be on nodes', { status: { ...empty.status, placements: [placement] } }],
  ['a removal runs', { status: { ...empty.status, removals: { 'node-1': removal } } }],
])('cannot be deleted while %s', (_, of) => {
  expect(isEmptied({ ...empty, ...of })).toBe(false);
});
