import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { jobAnnotations } from '#model/cache/api.ts';
import { refresh } from '../../functions/refresh.ts';
import { repetitions } from '../support/repetitions.ts';
import { jobsPath, nodeNamed, nodePath, scene, tick } from './scene.ts';

vi.setConfig({ testTimeout: 60_000 }); // hundreds of rounds, on a machine that may be loaded

const image = 'registry.example/app:latest';
const digests = ['1', '2', '3'].map((digit) => `sha256:${digit.repeat(64)}`);

/** Nodes tell what they have in one way or the other: by their list, or, where it is full, by the reports of their kubelets. */
type Telling = 'lists' | 'reports';

function played(tellings: readonly Telling[]) {
  const on = scene();
  const held = new Map<string, string>();
  let current = digests[0] ?? '';
  const nameOf = (index: number): string => `node-${index}`;
  const tellingOf = (name: string): Telling => tellings[Number(name.slice(-1))] ?? 'lists';

  const join = (index: number): void => {
    if (!held.has(nameOf(index))) held.set(nameOf(index), '');
    list(nameOf(index));
  };
  const list = (name: string): void => {
    const digest = held.get(name) ?? '';
    const names = tellingOf(name) === 'lists' && digest !== '' ? [[`registry.example/app@${digest}`, image]] : [];
    const nodeInfo = {
      ...{ operatingSystem: 'linux', kubeletVersion: 'v1.34.2', containerRuntimeVersion: 'containerd://1.7.24' },
    };
    const images = names.map((each) => ({ names: each }));
    const conditions = [{ type: 'Ready', status: 'True' }];
    on.api.put(nodePath(name), nodeNamed(name, { status: { conditions, nodeInfo, images } }));
  };
  const pull = (): void => {
    for (const job of on.jobs()) {
      const name = on.api.read(`${jobsPath}/${job}`)?.metadata.annotations?.[jobAnnotations.node] ?? '';
      held.set(name, current);
      list(name);
      const imageID = tellingOf(name) === 'reports' ? `registry.example/app@${current}` : '';
      const state = { terminated: { exitCode: 0, reason: 'Completed' } };
      on.pod(job, { phase: 'Succeeded', containerStatuses: [{ name: 'image-0', imageID, state }] });
    }
  };
  const move = (to: number): void => {
    current = digests[to] ?? '';
    on.registry.resolve(image, current);
  };
  on.cache({ cacheSpec: [{ images: [image] }] });
  move(0);
  return {
    join,
    pull,
    move,
    silence: (): void => on.registry.resolve(image, { type: 'unknown', reason: 'it is silent' }),
    speak: (): void => on.registry.resolve(image, current),
    look: async (minutes: number): Promise<void> => {
      on.wait(minutes * 60_000);
      await refresh(tick, on.context);
    },
    jobs: on.jobs,
    stale: (): readonly string[] => [...held].flatMap(([name, digest]) => (digest === current ? [] : [name])),
  };
}

type Act =
  | { readonly type: 'move'; readonly to: number }
  | { readonly type: 'join'; readonly index: number }
  | { readonly type: 'look'; readonly minutes: number }
  | { readonly type: 'pull' | 'silence' | 'speak' };

const acts: fc.Arbitrary<readonly Act[]> = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('move' as const), to: fc.nat({ max: 2 }) }),
    fc.record({ type: fc.constant('join' as const), index: fc.nat({ max: 3 }) }),
    fc.record({ type: fc.constant('look' as const), minutes: fc.constantFrom(0, 2, 16, 61) }),
    fc.constantFrom<Act>({ type: 'pull' }, { type: 'pull' }, { type: 'silence' }, { type: 'speak' }),
  ),
  { maxLength: 30, size: 'max' },
);

it('an hour after the last change, every node has the digests of the registry, and nothing more is pulled', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom<Telling>('lists', 'reports'), { minLength: 4, maxLength: 4 }),
      acts,
      async (tellings, all) => {
        const world = played(tellings);
        world.join(0);
        for (const act of all) {
          if (act.type === 'move') world.move(act.to);
          else if (act.type === 'join') world.join(act.index);
          else if (act.type === 'look') await world.look(act.minutes);
          else world[act.type]();
        }
        world.speak();
        for (let quarter = 0; quarter < 6; quarter += 1) {
          await world.look(16);
          world.pull();
          await world.look(0);
        }
        expect(world.stale()).toEqual([]);
        await world.look(61);
        expect(world.jobs()).toEqual([]);
      },
    ),
    { numRuns: repetitions(20, 120) },
  );
});
