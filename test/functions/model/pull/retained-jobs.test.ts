import { describe, expect, it } from 'vitest';
import { decide } from '#model/decide.ts';
import { usualImages } from '#model/cache/image-states.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { HeldImages, Pod } from '#model/job/job.ts';
import type { Settings } from '#model/cache/settings.ts';
import {
  completed,
  container,
  job,
  node,
  noon,
  observed,
  openCache,
  pod,
  pulling,
  round,
  settings,
  spec,
  unlimited,
  waiting,
  world,
} from '../builders.ts';

const { desiredHash } = pulling();

/** A finished Job of node-1: its round, and what it holds. */
type Finished = { readonly round: number; readonly holds?: HeldImages; readonly nodeId?: string };
const of = (number: number, ...indexes: readonly number[]): Finished => ({
  round: number,
  holds: { desiredHash, indexes },
});

/** The rounds of the Jobs that go, at the end of round 3. */
const gone = (
  jobs: readonly Finished[],
  { entry = {}, policy = 'Retain' }: { entry?: Partial<LedgerEntry>; policy?: Settings['jobRetentionPolicy'] } = {},
): readonly number[] => {
  const open = openCache(
    { 'node-1': pulling({ state: 'Ready', ...entry }) },
    { spec: spec({ jobRetentionPolicy: policy }) },
  );
  const word = entry.state === 'Failed' ? 'Failed' : 'Succeeded';
  const cache = { ...open, status: { ...open.status, status: word, round: round({ number: 3 }) } } as const;
  const views = jobs.map(
    (made, index) =>
      [
        `web-${index}`,
        {
          job: job({ name: `web-${index}`, uid: String(made.round), ...made }),
          pod: pod({ phase: 'Succeeded', ...made }),
        },
      ] as const,
  );
  const seen = observed({ jobs: new Map(views), nodeList: [node()] });
  return decide(world({ before: cache, observed: seen, settings: settings() })).deleteJobs.map(({ uid }) =>
    Number(uid),
  );
};

describe('a finished Job', () => {
  it('goes as soon as it is recorded, but on request', () => {
    expect(gone([of(3, 0, 1)], { policy: 'Delete' })).toEqual([3]);
    expect(gone([of(3, 0, 1)])).toEqual([]);
  });

  it.each<{ when: string; jobs: readonly Finished[]; goes: readonly number[]; entry?: Partial<LedgerEntry> }>([
    { when: 'its node had no Job since', jobs: [of(1, 0, 1)], goes: [] },
    { when: 'a newer one holds the same', jobs: [of(1, 0, 1), of(3, 0, 1)], goes: [1] },
    { when: 'newer ones do together', jobs: [of(1, 0, 1), of(2, 0), of(3, 1)], goes: [1] },
    { when: 'a newer one holds less', jobs: [of(1, 0, 1), of(3, 0)], goes: [] },
    { when: 'what it holds of many is held by a newer one', jobs: [of(1, 0, 1), of(2, 0), of(3, 0)], goes: [2] },
    {
      when: 'it was for another want, and newer ones hold everything',
      jobs: [{ round: 1, holds: { desiredHash: 'old', indexes: [0] } }, of(3, 0, 1)],
      goes: [1],
    },
    {
      when: 'it was for another want, and newer ones hold a part',
      jobs: [{ round: 1, holds: { desiredHash: 'old', indexes: [0] } }, of(3, 0)],
      goes: [],
    },
    {
      when: 'the newer one was for another want',
      jobs: [of(1, 0, 1), { round: 2, holds: { desiredHash: 'old', indexes: [0, 1] } }],
      goes: [],
    },
    { when: 'the newer one is on another node', jobs: [of(1, 0, 1), { ...of(3, 0, 1), nodeId: 'b2' }], goes: [3] },
    {
      when: 'it does not say what it holds, and newer ones hold everything',
      jobs: [{ round: 1 }, of(3, 0, 1)],
      goes: [1],
    },
    {
      when: 'its node has failed since',
      jobs: [of(1, 0, 1), of(3, 0, 1)],
      goes: [],
      entry: { state: 'Failed', images: 'fp' },
    },
    { when: 'its node is gone', jobs: [{ ...of(3, 0, 1), nodeId: 'b2' }], goes: [3] },
  ])('kept on request goes or stays: $goes where $when', ({ jobs, goes, entry }) => {
    expect(gone(jobs, entry === undefined ? {} : { entry })).toEqual(goes);
  });
});

describe('a Job that failed', () => {
  const failing = {
    phase: 'Pending',
    containers: [waiting(0, 'ImagePullBackOff', 'not found'), completed(1)],
  } as const;
  const views = (...rounds: readonly number[]) =>
    new Map(
      rounds.map((number) => {
        const made = of(number, 0, 1);
        const name = `web-${number}`;
        return [name, { job: job({ name, uid: String(number), ...made }), pod: pod({ ...failing, ...made }) }] as const;
      }),
    );
  const goneOf = (state: 'Failed' | 'Ready', ...rounds: readonly number[]) => {
    const entry = pulling({ state, images: state === 'Failed' ? 'fp' : usualImages(state) });
    const open = openCache({ 'node-1': entry }, { spec: spec({ jobRetentionPolicy: 'Retain' }) });
    const status = { ...open.status, status: 'Failed', completionTime: noon, round: round({ number: 3 }) } as const;
    const seen = observed({ jobs: views(...rounds), nodeList: [node()] });
    const plan = decide(world({ before: { ...open, status }, observed: seen }));
    return plan.deleteJobs.map(({ uid }) => Number(uid));
  };

  it('is kept on request although its Pod backs off, until a newer one has tried the same', () => {
    expect(goneOf('Failed', 3)).toEqual([]);
    expect(goneOf('Failed', 2)).toEqual([]);
    expect(goneOf('Failed', 2, 3)).toEqual([2]);
  });

  it('is replaced for the images that it does hold only by one that holds them', () => {
    const seen = new Map([
      ...views(2),
      ...([3] as const).map((number) => {
        const made = of(number, 0);
        const containers = [waiting(0, 'ErrImagePull', 'not found')];
        const name = `web-${number}`;
        return [
          name,
          { job: job({ name, uid: '3', ...made }), pod: pod({ phase: 'Pending', containers, ...made }) },
        ] as const;
      }),
    ]);
    const open = openCache(
      { 'node-1': pulling({ state: 'Failed', images: 'fp' }) },
      { spec: spec({ jobRetentionPolicy: 'Retain' }) },
    );
    const status = { ...open.status, status: 'Failed', completionTime: noon, round: round({ number: 3 }) } as const;
    const plan = decide(world({ before: { ...open, status }, observed: observed({ jobs: seen, nodeList: [node()] }) }));
    expect(plan.deleteJobs).toEqual([]);
  });
});

describe('a Job that did not end within the deadline', () => {
  const goneOf = (
    entry: Partial<LedgerEntry>,
    made: Partial<Pod>,
    policy: Settings['jobRetentionPolicy'] = 'Retain',
  ) => {
    const open = openCache({ 'node-1': pulling(entry) }, { spec: spec({ jobRetentionPolicy: policy }) });
    const status = { ...open.status, status: 'Failed', completionTime: noon, round: round({ number: 3 }) } as const;
    const all = { ...of(3, 0, 1), ...made };
    const views = new Map([
      ['web-1', { job: job({ uid: '3', ...all }), pod: pod({ containers: [container(0), container(1)], ...all }) }],
    ]);
    const plan = decide(
      world({ before: { ...open, status }, observed: observed({ jobs: views, nodeList: [node()] }) }),
    );
    return plan.deleteJobs.length;
  };
  const failedNode = { state: 'Failed', attempt: 2 } as const;

  it('is kept on request while its node has had no other attempt', () => {
    expect(goneOf(failedNode, { attempt: 2 })).toBe(0);
    expect(goneOf(failedNode, { attempt: 2, startedAt: undefined, containers: [] })).toBe(0);
    expect(goneOf(failedNode, { attempt: 2 }, 'Delete')).toBe(1);
  });

  it('goes if it takes the place of other pulls on its node', () => {
    const beside = (pods: number, podsPerNode: number): number => {
      const open = openCache({ 'node-1': pulling(failedNode) }, { spec: spec({ jobRetentionPolicy: 'Retain' }) });
      const status = { ...open.status, status: 'Failed', completionTime: noon, round: round({ number: 3 }) } as const;
      const all = { ...of(3, 0, 1), attempt: 2 };
      const hanging = pod({ phase: 'Pending', containers: [container(0), container(1)], ...all });
      const seen = observed({ jobs: new Map([['web-1', { job: job(all), pod: hanging }]]), nodeList: [node()] });
      const given = {
        before: { ...open, status },
        observed: seen,
        otherPulls: new Map([[hanging.nodeId, new Map([['apps', pods]])]]),
      };
      const limits = { ...unlimited, podsPerNode };
      return decide(world({ ...given, settings: settings({ limits }) })).deleteJobs.length;
    };
    expect([beside(14, 30), beside(15, 30), beside(100, 0)]).toEqual([0, 1, 0]);
  });

  it('goes if it is of an earlier attempt, of an earlier round, or pulls what is no longer desired', () => {
    expect(goneOf(failedNode, { attempt: 1 })).toBe(1);
    expect(goneOf(failedNode, { attempt: 2, round: 2 })).toBe(1);
    expect(goneOf(failedNode, { attempt: 2, holds: { desiredHash: 'old', indexes: [0] } })).toBe(1);
  });
});
