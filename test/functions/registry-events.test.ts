import { expect, it } from 'vitest';
import { purge } from '../../functions/purge.ts';
import { refresh } from '../../functions/refresh.ts';
import { answerAll, createOwn, minute, sceneOf, throttled } from './registry-scene.ts';
import { aCache, changed, completed, eventsPath, type scene, type Scene, tick } from './scene.ts';

/** The Events of a cache whose nodes wait for a registry. */

const names = Array.from({ length: 12 }, (_, index) => `node-${index}`);
const events = (on: Scene): readonly string[] =>
  on.api
    .list(eventsPath)
    .map((event) => event as unknown as { readonly reason: string; readonly message: string })
    .flatMap(({ reason, message }) => (reason.startsWith('Registry') ? [`${reason}: ${message}`] : []));

async function begun(given: Parameters<typeof scene>[0] = {}, more: object = {}): Promise<Scene> {
  const on = sceneOf(names, given);
  await createOwn(on, { cacheSpec: [{ images: ['app:1'] }], ...more });
  return on;
}

const waits = 'RegistryRests: Nodes wait for docker.io until 12:05 UTC, as it limits pulls';
const serves = 'RegistryServes: Nodes no longer wait for docker.io';

it('one says that nodes wait for a registry that throttles, and one that they go on', async () => {
  const on = await begun();
  await answerAll(on, throttled);
  expect(events(on)).toEqual([waits]);
  for (let at = 0; at < 4; at += 1) {
    on.wait(minute);
    await refresh(tick, on.context);
  }
  expect(events(on)).toEqual([waits]);
  on.wait(minute);
  await refresh(tick, on.context);
  expect(on.jobs()).toHaveLength(1);
  expect(events(on)).toEqual([waits]);
  await answerAll(on, completed(0));
  expect(events(on)).toEqual([waits, serves]);
  await answerAll(on, completed(0));
  await refresh(tick, on.context);
  expect(on.live().status.status).toBe('Succeeded');
  expect(events(on)).toEqual([waits, serves]);
});

it('a registry that throttles the node which tries it is no news', async () => {
  const on = await begun();
  await answerAll(on, throttled);
  on.wait(5 * minute);
  await refresh(tick, on.context);
  await answerAll(on, throttled);
  expect(events(on)).toEqual([waits]);
});

it('the same for a budget, and for few nodes at a time', async () => {
  const on = await begun({ registryBudgets: { 'docker.io': { pullsPerHour: 10 } } }, { maxConcurrentNodes: 4 });
  expect(events(on)).toEqual([]);
  await answerAll(on, completed(0));
  await answerAll(on, completed(0));
  const used = 'RegistryRests: Nodes wait for docker.io until 13:00 UTC, as its budget is used up';
  expect(events(on)).toEqual([used]);
  on.wait(60 * minute);
  await refresh(tick, on.context);
  expect(on.jobs()).toHaveLength(4);
  expect(events(on)).toEqual([used, serves]);
});

it('nodes that wait are kept by the registry, too, while others are at work', async () => {
  const on = await begun({}, { maxConcurrentNodes: 1 });
  await answerAll(on, throttled);
  on.wait(5 * minute);
  await refresh(tick, on.context);
  expect(on.jobs()).toHaveLength(1);
  expect(on.live().status.message).toContain('11 nodes wait for docker.io');
  expect(events(on)).toEqual([waits]);
});

it('none says that they go on if the cache is purged', async () => {
  const on = await begun();
  await answerAll(on, throttled);
  on.annotate({ 'kubefledged.io/purge-imagecache': '' });
  await purge(changed(aCache), on.context);
  on.wait(6 * minute);
  await refresh(tick, on.context);
  expect(events(on)).toEqual([waits]);
});
