import { expect, it } from 'vitest';
import type { PullJob } from '#model/pull/pull-job.ts';
import { labels, managerLabelValue } from '#model/cache/api.ts';
import type { Api } from '#runtime/api/api.ts';
import { livePulls } from '#runtime/cluster/live-pulls.ts';
import { cache } from '../../model/builders.ts';

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
  pulls.release(web, { nodeIds: new Set(), ended: new Set() });
  expect(names(await early())).toEqual(['job']);
  expect(names(await begin()())).toEqual([]);
});

it('a Job stays reserved while its node pulls, unless it is deleted, for 30 s', async () => {
  const { pulls, begin, names } = world();
  pulls.reserve([aJob], 0);
  pulls.release(web, { nodeIds: new Set(['n1']), ended: new Set(['other']) });
  expect(names(await begin()(), 29_999)).toEqual(['job']);
  expect(names(await begin()(), 30_000)).toEqual([]);
  pulls.reserve([aJob], 0);
  pulls.release(web, { nodeIds: new Set(['n1']), ended: new Set(['job']) });
  expect(names(await begin()())).toEqual([]);
});
