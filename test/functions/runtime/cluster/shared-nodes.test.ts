import { expect, it } from 'vitest';
import type { Node } from '#model/node/node.ts';
import { maxNodesAge, sharedNodes } from '#runtime/cluster/shared-nodes.ts';
import { node } from '../../model/builders.ts';

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
    refuse: (index: number, error: Error) => pending[index]?.reject(error),
    names: async (resourceVersion: string | undefined, now = 0) =>
      (await nodesSince({ resourceVersion, now })).map(({ name }) => name),
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
