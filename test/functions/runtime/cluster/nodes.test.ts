import { expect, it } from 'vitest';
import type { Node } from '#model/node/node.ts';
import { maxNodesAge, type NodeListing, sharedNodes } from '#runtime/cluster/nodes.ts';
import { node } from '../../model/builders.ts';

const namesIn = ({ nodes }: NodeListing): readonly string[] => nodes.map(({ name }) => name);

/** Listings of one node whose name is the version, each answered when the test says so. */
function listings() {
  const pending: PromiseWithResolvers<{ readonly items: readonly Node[]; readonly resourceVersion: string }>[] = [];
  const nodesSince = sharedNodes(() => {
    const answer = Promise.withResolvers<{ readonly items: readonly Node[]; readonly resourceVersion: string }>();
    pending.push(answer);
    return answer.promise;
  });
  return {
    count: () => pending.length,
    answer: (index: number, version: string) =>
      pending[index]?.resolve({ items: [node({ name: `of-${version}` })], resourceVersion: version }),
    listing: async (): Promise<NodeListing> => nodesSince(0, { uid: 'u', resourceVersion: '90' }),
    refuse: (index: number, error: Error) => pending[index]?.reject(error),
    names: async (resourceVersion: string | undefined, now = 0) =>
      namesIn(await nodesSince(now, resourceVersion === undefined ? undefined : { uid: 'u', resourceVersion })),
  };
}

it('shares a listing, also one in progress, with decisions on caches that are not newer', async () => {
  const { count, answer, names } = listings();
  const [first, second] = [names('90'), names('100', 5_000)];
  answer(0, '100');
  expect([await first, await second, await names('99', maxNodesAge)]).toEqual([['of-100'], ['of-100'], ['of-100']]);
  expect(count()).toBe(1);
});

it('lists once more for all decisions on caches that are newer than the listing', async () => {
  const { count, answer, names } = listings();
  const first = names('90');
  answer(0, '100');
  await first;
  const newer = [names('101'), names('1000'), names('102')];
  await Promise.resolve();
  answer(1, '1001');
  expect(await Promise.all(newer)).toEqual([['of-1001'], ['of-1001'], ['of-1001']]);
  expect(await names('95')).toEqual(['of-1001']);
  expect(count()).toBe(2);
});

it.each([
  ['after some seconds', '90', maxNodesAge + 1],
  ['on demand', undefined, 0],
  ['if versions cannot be compared', 'a1b2', 0],
])('lists again %s', async (_, version, now) => {
  const { count, answer, names } = listings();
  const first = names('90');
  answer(0, '100');
  await first;
  const again = names(version, now);
  await Promise.resolve();
  await Promise.resolve();
  answer(1, '100');
  await again;
  expect(count()).toBe(2);
});

it('reports a failure to all that wait for the listing, and lists again for the next', async () => {
  const { count, answer, refuse, names } = listings();
  const waiting = [names('90'), names('91')];
  refuse(0, new Error('no answer'));
  for (const each of waiting) await expect(each).rejects.toThrow('no answer');
  const next = names('90');
  answer(1, '100');
  expect(await next).toEqual(['of-100']);
  expect(count()).toBe(2);
});

it('covers what is written of a cache that it covers, but no other version', async () => {
  const { answer, listing } = listings();
  const read = listing();
  answer(0, '100');
  const { covers, noteWrite } = await read;
  const version = (resourceVersion: string, uid = 'u') => ({ uid, resourceVersion });
  noteWrite(version('99'), '105');
  noteWrite(version('105'), '107');
  noteWrite(version('106'), '108');
  noteWrite(version('107'), undefined);
  expect(['100', '101', '105', '106', '107', '108'].filter((each) => covers(version(each)))).toEqual([
    '100',
    '105',
    '107',
  ]);
  expect(covers(version('105', 'other'))).toBe(false);
});
