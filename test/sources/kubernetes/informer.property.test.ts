import * as fc from 'fast-check';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { ApiError } from '#runtime/errors.ts';
import { at, textAt } from '../../../sources/kubernetes/json.ts';
import { startInformer } from '../../../sources/kubernetes/informer.ts';
import type { Resource } from '../../../sources/kubernetes/resource.ts';
import { inMemoryApi, type InMemoryApi } from '../../support/api/in-memory-api.ts';
import { fakeClock } from '../../support/fake-clock.ts';
import { imageCache, pathOf } from '../objects.ts';

const names = ['a', 'b', 'c'] as const;
const changes = fc.record({
  act: fc.constantFrom('put' as const, 'remove' as const, 'recreate' as const),
  name: fc.constantFrom(...names),
});
const acts = fc.oneof(
  changes,
  fc.record({ act: fc.constantFrom('break' as const, 'close' as const, 'silence' as const) }),
  // Changes whose history is lost when the watch restarts.
  fc.record({ act: fc.constant('miss' as const), missed: fc.array(changes, { minLength: 1, maxLength: 5 }) }),
  fc.record({
    act: fc.constant('down' as const),
    calls: fc.integer({ min: 1, max: 4 }),
    status: fc.constantFrom(0, 403, 410, 422, 429, 500, 503),
  }),
  fc.record({ act: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
);
type Act = typeof acts extends fc.Arbitrary<infer T> ? T : never;

const resource: Resource<string> = {
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  plural: 'imagecaches',
  labelSelector: undefined,
  project: (object) =>
    `${textAt(object, 'metadata', 'uid') ?? ''}@${textAt(object, 'metadata', 'resourceVersion') ?? ''}`,
};

const uidOf = (state = ''): string => state.split('@')[0] ?? '';

const stateOf = (api: InMemoryApi): ReadonlyMap<string, string> =>
  new Map(
    names.flatMap((name) => {
      const object = api.read(pathOf('imagecaches', `apps/${name}`));
      return object === undefined ? [] : [[name, resource.project(object)] as const];
    }),
  );

it('reports the last state of every object after any sequence of changes and failures', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(acts, { maxLength: 40 }),
      fc.constantFrom(true, false, 'ignored' as const),
      async (story, streams) => {
        const api = inMemoryApi({ streams });
        api.limitPages(2);
        const clock = fakeClock();
        const stop = new AbortController();
        const told = new Map<string, string>();
        const violations: unknown[] = [];
        startInformer(resource, {
          api,
          clock,
          log: pino({ level: 'silent' }),
          signal: stop.signal,
          onChange: ({ verb, reference: { name }, previous, current }) => {
            // Each change starts from the state reported before it: none is repeated or missing.
            const due = previous === undefined ? 'add' : current === undefined ? 'delete' : 'update';
            const isOther = verb === 'update' && uidOf(previous) !== uidOf(current);
            if (previous !== told.get(name) || verb !== due || isOther)
              violations.push({ verb, name, previous, current });
            if (current === undefined) told.delete(name);
            else told.set(name, current);
          },
        });
        for (const act of story) await play(act, api, clock.advance);
        api.setSilent(false);
        api.endWatches();
        await clock.advance(600_000);
        expect(violations).toEqual([]);
        expect(told).toEqual(stateOf(api));
        stop.abort();
      },
    ),
    { numRuns: 300 },
  );
});

async function play(act: Act, api: InMemoryApi, advance: (ms: number) => Promise<void>): Promise<void> {
  switch (act.act) {
    case 'put':
      api.apply(imageCache({ name: act.name }));
      return;
    case 'remove':
      api.remove(pathOf('imagecaches', `apps/${act.name}`));
      return;
    case 'recreate': {
      const uid = textAt(at(api.read(pathOf('imagecaches', `apps/${act.name}`)), 'metadata'), 'uid');
      api.remove(pathOf('imagecaches', `apps/${act.name}`));
      api.apply(imageCache({ name: act.name, uid: `${uid ?? 'new'}+` }));
      return;
    }
    case 'break':
      api.endWatches(new ApiError('aborted', { status: 0 }));
      return;
    case 'close':
      api.endWatches();
      return;
    case 'miss':
      api.endWatches();
      for (const change of act.missed) await play(change, api, advance);
      api.expireHistory();
      return;
    case 'silence':
      api.setSilent(true);
      return;
    case 'down':
      api.acceptAll();
      api.refuse(/./, new ApiError('down', { status: act.status }), act.calls);
      api.endWatches();
      return;
    case 'wait':
      await advance(act.ms);
  }
}
