import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { repetitions } from '../support/repetitions.ts';
import {
  added,
  digest,
  imagePath,
  imagesPath,
  knativeScene,
  madePath,
  nextTick,
  ofImages,
  pull,
  putImage,
  ready,
  statusWrites,
  succeeded,
} from './knative-scene.ts';
import { minutes } from './moving-tag.ts';
import { argsOf, ends, removals, removed } from './removal-scene.ts';
import { missing, tick, type Scene } from './scene.ts';

vi.setConfig({ testTimeout: 120_000 }); // hundreds of rounds, on a machine that may be loaded

const names = ['a', 'b', 'c'] as const;
const name = fc.constantFrom(...names);

/** What happens, and which events of it arrive, how often. */
const step = fc.oneof(
  fc.record({ does: fc.constant('put' as const), name, image: name }),
  fc.record({ does: fc.constant('remove' as const), name }),
  fc.record({ does: fc.constant('event' as const), times: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ does: fc.constant('ticks' as const), times: fc.integer({ min: 1, max: 2 }) }),
  fc.record({ does: fc.constant('pull' as const), fails: fc.boolean() }),
  fc.record({ does: fc.constant('conflicts' as const), times: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ does: fc.constant('deleteCache' as const) }),
  fc.record({ does: fc.constant('wait' as const), minutes: fc.integer({ min: 1, max: 90 }) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A delivery that fails is delivered again by the platform, or lost: the tick then has to do. */
const delivered = async (deliveries: readonly Promise<void>[]): Promise<void> => {
  await Promise.allSettled(deliveries);
};

async function play(on: Scene, happened: Step): Promise<void> {
  switch (happened.does) {
    case 'put':
      putImage(on, happened.name, digest(happened.image));
      return;
    case 'remove':
      on.api.remove(imagePath(happened.name));
      return;
    case 'event':
      await delivered(Array.from({ length: happened.times }, () => reconcile(ofImages, on.context)));
      return;
    case 'ticks':
      await delivered(Array.from({ length: happened.times }, () => refresh(tick, on.context)));
      return;
    case 'pull':
      await pull(on, happened.fails ? () => missing(0) : succeeded).catch(() => undefined);
      return;
    case 'conflicts':
      on.api.refuse(/PATCH \S*\/images\//, refusal(409, 'Conflict', 'changed'), happened.times);
      return;
    case 'deleteCache':
      on.api.remove(madePath);
      return;
    case 'wait':
      on.wait(minutes(happened.minutes));
  }
}

/** Everything that can end, ends. */
async function settle(on: Scene): Promise<void> {
  on.api.acceptAll();
  for (let pass = 0; pass < 12; pass += 1) {
    await nextTick(on, minutes(10));
    if (on.api.read(madePath) !== undefined) await reconcile(added, on.context).catch(() => undefined);
    await pull(on, succeeded);
    await purge(tick, on.context);
    for (const job of removals(on)) {
      const named = argsOf(job).filter((arg) => arg.startsWith('--remove='));
      ends(
        on,
        job,
        named.map((arg) => removed(arg.slice('--remove='.length))),
      );
    }
    await purge(tick, on.context);
  }
}

it('Images are Ready in the end, whatever happened, and the cache lives as long as they do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
      const on = knativeScene();
      for (const each of steps) await play(on, each);
      await settle(on);
      const left = on.api.list(imagesPath).map(({ metadata }) => metadata.name);
      for (const each of left) expect(ready(on, each)).toMatchObject({ status: 'True', message: 'on 2 of 2 nodes' });
      expect(on.api.read(madePath) !== undefined).toBe(left.length > 0);
      const writes = statusWrites(on);
      await nextTick(on);
      expect(statusWrites(on)).toBe(writes);
    }),
    { numRuns: repetitions(20, 400) },
  );
});
