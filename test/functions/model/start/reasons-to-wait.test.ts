import { describe, expect, it } from 'vitest';
import type { Spec, Status } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import { noUse } from '#model/cache/registry-use.ts';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import { pendingImages } from '#model/desired/desired-images.ts';
import { noObservedRemovals } from '#model/observed.ts';
import { nodeBusy } from '#model/start/node-busy.ts';
import { nodeLimit } from '#model/start/node-limit.ts';
import type { ReasonToWait } from '#model/start/reason-to-wait.ts';
import { registryLimit } from '#model/start/registry-limit.ts';
import { removalInProgress } from '#model/start/removal-in-progress.ts';
import { surgeLimit } from '#model/start/surge-limit.ts';
import { wave } from '#model/start/wave.ts';
import type { World } from '#model/world.ts';
import { list, node, noon, openCache, pulling, settings, spec, unlimited, world } from '../builders.ts';

type Row = {
  readonly when: string;
  /** The nodes that do not wait for this reason, of a, b and c. */
  readonly free: string;
  readonly spec?: Partial<Spec>;
  readonly status?: Partial<Status>;
  readonly settings?: Partial<Settings>;
  readonly world?: Partial<World>;
  /** What the ledger has of some of these nodes. */
  readonly entries?: Readonly<Record<string, Partial<LedgerEntry>>>;
  readonly isUnobserved?: boolean;
};

/** Offers the pending ones of three nodes to a reason, as if there was no other. */
function freeNodes(reason: ReasonToWait, row: Row): string {
  const empty = openCache({}, { spec: spec({ lists: [list(['app:1', 'base:2'])], ...row.spec }) });
  const entry = (id: string): LedgerEntry => pulling({ id, state: 'Pending', attempt: 0, ...row.entries?.[id] }, empty);
  const nodes = { a: entry('a'), b: entry('b'), c: entry('c') };
  const cache = { ...empty, status: { ...empty.status, nodes, startTime: noon, ...row.status } };
  const desired = desiredImagesOf(cache, [0], settings());
  const given = world({ before: cache, settings: settings(row.settings), ...row.world });
  const check = reason.prepare(given, cache, new Map([[desired.hash, desired]]));
  const free = Object.entries(nodes).filter(([name, each]) => {
    if (each.state !== 'Pending') return false;
    const { images } = desired;
    const on = row.isUnobserved === true ? undefined : node({ name, id: name });
    const candidate = { name, entry: each, node: on, images, pending: pendingImages(each, desired) };
    if (check.waits(candidate)) return false;
    check.passed?.(candidate);
    check.started?.(candidate);
    return true;
  });
  return free.map(([name]) => name).join('');
}

const table = (reason: ReasonToWait, rows: readonly Row[]): void => {
  it.each(rows)('$when: $free', (row) => {
    expect(freeNodes(reason, row)).toBe(row.free);
  });
};

describe('a node waits for a removal', () => {
  const removal = (state: 'Removing' | 'Removed'): Partial<Status> => ({
    removals: { b: { ...newRemovalEntry('b', 'hash', 1), state } },
  });
  const others = (...images: readonly string[]): Partial<World> => {
    const removals = { ...noObservedRemovals, inProgress: new Map([['b', new Set(images)]]) };
    return { observed: { ...world().observed, removals } };
  };
  table(removalInProgress, [
    { when: 'nothing is removed', free: 'abc' },
    { when: 'this cache removes images from b', status: removal('Removing'), free: 'ac' },
    { when: 'it has removed them', status: removal('Removed'), free: 'abc' },
    { when: 'another cache removes an image of this one from b', world: others('docker.io/library/app:1'), free: 'ac' },
    { when: 'another cache removes another image', world: others('docker.io/library/tool:3'), free: 'abc' },
  ]);
});

describe('a node waits for Pods of other caches', () => {
  const limits = { limits: { ...unlimited, podsPerNode: 4, namespacePodsPerNode: 3 } };
  const pods = (...counts: readonly number[]): Partial<World> => ({
    otherPulls: new Map([['b', new Map(counts.map((count, index) => [`team-${index}`, count]))]]),
  });
  table(nodeBusy, [
    { when: 'there are none', settings: limits, free: 'abc' },
    { when: 'a slot is left on b', settings: limits, world: pods(3), spec: { pullsPerNode: 1 }, free: 'abc' },
    { when: 'b has no slot left', settings: limits, world: pods(2, 2), free: 'ac' },
    { when: 'there is no limit', world: pods(1000), free: 'abc' },
    {
      when: 'none was observed, and b waited before',
      entries: { b: { reason: 'NodeBusy' } },
      isUnobserved: true,
      free: 'ac',
    },
    { when: 'b waited before, and is observed', entries: { b: { reason: 'NodeBusy' } }, free: 'abc' },
  ]);
});

describe('a node waits for its wave', () => {
  const rollout = { canaryNodes: 1, growth: 2, topologyKey: '', maxFailedNodes: 0, pauseSeconds: 0 };
  const pauses = { rollout: { ...rollout, pauseSeconds: 60 } };
  const suspect = { absentImages: ['app:1'] };
  const ready = { state: 'Ready', attempt: 1 } as const;
  table(wave, [
    { when: 'there is no rollout', free: 'abc' },
    { when: 'a canary starts', spec: { rollout }, free: 'a' },
    { when: 'the canary pulls', spec: { rollout }, entries: { a: { state: 'Pulling' } }, free: '' },
    { when: 'the canary has pulled', spec: { rollout }, entries: { a: ready }, free: 'bc' },
    { when: 'b repeats what failed', spec: { rollout }, entries: { b: { attempt: 1, images: 'rp' } }, free: 'b' },
    {
      when: 'a domain has no node that has pulled',
      spec: { rollout: { ...rollout, topologyKey: 'zone' } },
      entries: { a: { ...ready, topology: '1' }, b: { topology: '1' }, c: { topology: '2' } },
      free: 'bc',
    },
    { when: 'the rollout pauses', spec: pauses, entries: { a: ready }, status: { nextWaveTime: noon + 1 }, free: '' },
    { when: 'the pause is over', spec: pauses, entries: { a: ready }, status: { nextWaveTime: noon }, free: 'bc' },
    { when: 'a registry did not find an image', status: suspect, free: 'ab' },
    {
      when: 'two nodes try it',
      status: suspect,
      entries: { a: { state: 'Pulling', attempt: 1 }, b: { state: 'Pulling', attempt: 1 } },
      free: '',
    },
    { when: 'a node has pulled it', status: suspect, entries: { a: ready }, free: 'bc' },
    {
      when: 'c does not need it',
      status: suspect,
      entries: { a: { images: 'pw' }, b: { images: 'pw' }, c: { images: 'pw' } },
      free: 'abc',
    },
    { when: 'the round opened half a minute ago', status: { ...suspect, startTime: noon - 30_000 }, free: 'abc' },
  ]);
});

describe('a node waits for a registry', () => {
  const minute = 60_000;
  const use = (of: object): Partial<Status> => ({ registries: { 'docker.io': { ...noUse, ...of } } });
  const budget = (pullsPerHour: number) => ({ registryBudgets: { 'docker.io': { pullsPerHour } } });
  const others = (rest: number | undefined, pulls: Readonly<Record<string, number>> = {}): Partial<World> => ({
    otherRegistryUse: new Map([
      [
        'docker.io',
        {
          pulls: new Map(Object.entries(pulls)),
          pullsUntil: noon + minute,
          rest: rest === undefined ? undefined : { restsUntil: rest, restSeconds: 60, restsAlone: false },
        },
      ],
    ]),
  });
  const elsewhere = { spec: { lists: [list(['other.example/app:1'])] } };
  table(registryLimit, [
    { when: 'it has no limit', free: 'abc' },
    { when: 'it rests', status: use({ restsUntil: noon + 1 }), free: '' },
    { when: 'the images are in another one', ...elsewhere, status: use({ restsUntil: noon + 1 }), free: 'abc' },
    { when: 'it has rested', status: use({ restsUntil: noon }), free: 'a' },
    {
      when: 'it has rested, and a node tries it',
      status: use({ restsUntil: noon }),
      entries: { a: { state: 'Pulling' } },
      free: '',
    },
    { when: 'others found that it rests', world: others(noon + minute), free: '' },
    { when: 'others found that it has rested', world: others(noon), free: 'abc' },
    {
      when: 'it reports that 4 pulls are left',
      status: use({ pullsLeft: 4, pullsLeftUntil: noon + minute }),
      free: 'ab',
    },
    { when: 'it reports that 1 is left', status: use({ pullsLeft: 1, pullsLeftUntil: noon + minute }), free: '' },
    { when: 'that is over', status: use({ pullsLeft: 1, pullsLeftUntil: noon }), free: 'abc' },
    { when: 'four fifths of its budget are enough for two', settings: budget(5), free: 'ab' },
    { when: 'b needs one image', settings: budget(5), entries: { b: { images: 'pw' } }, free: 'ab' },
    {
      when: 'a has pulled, and b needs one image',
      settings: budget(5),
      entries: { a: { state: 'Ready' }, b: { images: 'pw' } },
      free: 'bc',
    },
    { when: 'its budget is less than a node needs', settings: budget(1), free: 'a' },
    { when: 'its budget is used up', settings: budget(5), status: use({ pulls: 4, pullsUntil: noon + 1 }), free: '' },
    {
      when: 'what was used counts no more',
      settings: budget(5),
      status: use({ pulls: 4, pullsUntil: noon }),
      free: 'ab',
    },
    {
      when: 'another namespace has its half',
      settings: budget(8),
      world: others(undefined, { others: 4 }),
      free: 'ab',
    },
    {
      when: 'another namespace used all of it',
      settings: budget(8),
      world: others(undefined, { others: 8 }),
      free: '',
    },
  ]);
});

describe('a node waits for other nodes of the cache', () => {
  table(nodeLimit, [
    { when: 'there is no limit', free: 'abc' },
    { when: 'two may pull', spec: { maxConcurrentNodes: 2 }, free: 'ab' },
    { when: 'one of two pulls', spec: { maxConcurrentNodes: 2 }, entries: { a: { state: 'Pulling' } }, free: 'b' },
    {
      when: 'more pull than may',
      spec: { maxConcurrentNodes: 1 },
      entries: { a: { state: 'Pulling' }, b: { state: 'Pulling' } },
      free: '',
    },
  ]);
});

describe('a node waits for Pods of all caches', () => {
  const pods = (count: number): Partial<World> => ({
    otherPulls: new Map([['elsewhere', new Map([['team', count]])]]),
  });
  const one = { pullsPerNode: 1 };
  table(surgeLimit, [
    { when: 'there is no limit', world: pods(1000), free: 'abc' },
    { when: 'two may run', settings: { jobsMaxSurge: 2 }, spec: one, free: 'ab' },
    { when: 'one of two is of another cache', settings: { jobsMaxSurge: 2 }, spec: one, world: pods(1), free: 'a' },
    { when: 'all are of other caches', settings: { jobsMaxSurge: 2 }, spec: one, world: pods(2), free: '' },
    {
      when: 'a node of this cache pulls',
      settings: { jobsMaxSurge: 2 },
      spec: one,
      entries: { a: { state: 'Pulling' } },
      free: 'b',
    },
    { when: 'a node has two Pods', settings: { jobsMaxSurge: 4 }, spec: { pullsPerNode: 2 }, free: 'ab' },
    { when: 'a node may have no more than all', settings: { jobsMaxSurge: 1 }, spec: { pullsPerNode: 9 }, free: 'a' },
  ]);
});
