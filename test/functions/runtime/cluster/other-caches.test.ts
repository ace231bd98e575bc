import { expect, it } from 'vitest';
import type { PullJob } from '#model/pull/pull-job.ts';
import { labels, managerLabelValue } from '#model/cache/api.ts';
import type { Api } from '#runtime/api/api.ts';
import { livePulls, knownUses } from '#runtime/cluster/other-caches.ts';
import { cache, noon, settings } from '../../model/builders.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { noUse } from '#model/cache/registry-use.ts';

const metadata = (name: string) => ({
  name,
  namespace: 'apps',
  labels: { [labels.manager]: managerLabelValue, [labels.cacheUid]: 'uid-of-web', [labels.node]: 'n1' },
});
const aJob = { metadata: metadata('job'), apiVersion: 'batch/v1', kind: 'Job' } satisfies Partial<PullJob>;
const itsPod = {
  metadata: {
    ...metadata('job-x'),
    uid: 'p',
    ownerReferences: [{ kind: 'Job', name: 'job', uid: 'j', controller: true }],
  },
};
const web = cache({ uid: 'uid-of-web' });

/** Listings that are answered when the test says so. */
function world() {
  const answers: ((items: readonly object[]) => void)[] = [];
  const request = (): Promise<unknown> =>
    new Promise((resolve) => {
      answers.push((items) => {
        resolve({ metadata: {}, items });
      });
    });
  const api = { request } as unknown as Api;
  const pulls = livePulls(api, []);
  const begin = () => {
    const listing = pulls.read(['n1'], 'uid-of-other');
    const answer = answers.at(-1);
    return async (...items: readonly object[]) => {
      answer?.(items);
      return listing;
    };
  };
  const names = (listing: Parameters<typeof pulls.reserved>[0], now = 0) =>
    pulls.reserved(listing, now).map(({ job }) => job);
  return { pulls, begin, names };
}

it('a Job that was just created is reserved until its Pod is listed, also for a listing that was begun before that', async () => {
  const { pulls, begin, names } = world();
  const early = begin();
  pulls.reserve([aJob], 0);
  const late = begin();
  expect(names(await late(itsPod))).toEqual(['job']);
  expect(names(await early())).toEqual(['job']);
  expect(names(await begin()(itsPod))).toEqual([]);
});

it('a Job whose result is recorded is reserved for listings only that were begun before', async () => {
  const { pulls, begin, names } = world();
  pulls.reserve([aJob], 0);
  const early = begin();
  pulls.release(web, new Set(), new Set());
  expect(names(await early())).toEqual(['job']);
  expect(names(await begin()())).toEqual([]);
});

it('a Job stays reserved while its node pulls, unless it is deleted, for 30 s', async () => {
  const { pulls, begin, names } = world();
  pulls.reserve([aJob], 0);
  pulls.release(web, new Set(['n1']), new Set(['other']));
  expect(names(await begin()(), 29_999)).toEqual(['job']);
  expect(names(await begin()(), 30_000)).toEqual([]);
  pulls.reserve([aJob], 0);
  pulls.release(web, new Set(['n1']), new Set(['job']));
  expect(names(await begin()())).toEqual([]);
});

const at = { settings: settings({ registryBudgets: { 'docker.io': { pullsPerHour: 10 } } }), now: noon };
const other = cache({ uid: 'other', namespace: 'other' });

/** A version of a cache whose nodes have pulled so many images. */
function version(resourceVersion: string, pulls: number): ImageCache {
  const read = cache({ resourceVersion });
  const registries = pulls === 0 ? {} : { 'docker.io': { ...noUse, pulls, pullsUntil: noon + 60_000 } };
  return { ...read, status: { ...read.status, registries } };
}

it('what one function plans is not forgotten when another has read the cache before', async () => {
  const uses = knownUses(async () => Promise.resolve([version('7', 0)]));
  const known = (): number | undefined =>
    uses.ofOthers(other, at).get('docker.io')?.pulls.get(version('7', 0).namespace);
  uses.note(version('7', 0), version('8', 8).status, at);
  const late = [version('7', 0), version('6', 0)];
  for (const each of late) uses.note(each, each.status, at);
  expect(known()).toBe(8);
  await uses.read(at);
  expect(known()).toBe(8);
  const written = version('9', 3);
  uses.note(written, written.status, at);
  expect(known()).toBe(3);
});

it('a wait that ends in years, of a clock that is wrong or by hand, takes no share of a registry', () => {
  const uses = knownUses(async () => Promise.resolve([]));
  const waiting = version('7', 0);
  const noteWait = (waitsUntil: number): void =>
    uses.note(waiting, { ...waiting.status, registries: { 'docker.io': { ...noUse, waitsUntil } } }, at);
  noteWait(noon + 60_000);
  expect(uses.ofOthers(other, at).get('docker.io')?.pulls.get(waiting.namespace)).toBe(0);
  noteWait(noon + 1_000 * 24 * 3_600_000);
  expect(uses.ofOthers(other, at).size).toBe(0);
});
