import { describe, expect, it } from 'vitest';
import { recordResults } from '#model/pull/record-results.ts';
import type { Spec } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Observed } from '#model/observed.ts';
import type { ContainerStatus, Pod, JobView } from '#model/job/job.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import {
  completed,
  container,
  digest,
  job,
  modernNode,
  node,
  noon,
  observed,
  openCache,
  pod,
  pulling,
  settings,
  spec,
  waiting,
  nameOf,
  world,
} from '../builders.ts';

/** A node that pulls app:1 (0) and base:2 (1), and what its Jobs have come to. */
type Row = {
  readonly when: string;
  readonly entry?: Partial<LedgerEntry>;
  readonly spec?: Partial<Spec>;
  /** Images of each Job and the statuses of its containers; `undefined` was not looked at. */
  readonly jobs?: readonly (readonly [
    readonly number[],
    readonly ContainerStatus[] | 'gone' | 'lost',
    Partial<Pod>?,
  ])[];
  readonly after?: number;
  readonly on?: Observed['nodes'];
  readonly is: Partial<LedgerEntry>;
  readonly failed?: readonly string[];
};

function folded({ entry, jobs = [], after = 1000, on, spec: of }: Row) {
  const plain = openCache({}, { spec: spec(of) });
  const claimed = pulling(entry, plain);
  const cache = openCache({ 'node-1': claimed }, { spec: spec(of) });
  const given = settings();
  const named = jobs.map(([indexes, told, rest]) => [nameOf(cache, claimed, indexes), told, rest] as const);
  const views = named.flatMap(([name, told, rest]): [string, JobView][] => {
    if (told === 'gone') return [];
    const read = pod({ jobName: name, containers: told === 'lost' ? [] : told, isDisrupted: told === 'lost', ...rest });
    return [[name, { job: job({ name }), pod: read }]];
  });
  const goneJobs = new Set(named.flatMap(([name, told]) => (told === 'gone' ? [name] : [])));
  const seen = observed({
    jobs: new Map(views),
    goneJobs,
    hasAllJobs: false,
    ...(on === undefined ? {} : { nodes: on }),
  });
  const wanted = desiredImagesOf(cache, [0], given);
  const { status } = recordResults(
    world({ before: cache, observed: seen, now: noon + after }),
    cache,
    new Map([[wanted.hash, wanted]]),
  );
  return status;
}

const missing = (index: number) => waiting(index, 'ErrImagePull', 'not found');
const five = 300_000;

const rows: readonly Row[] = [
  { when: 'nothing was looked at', is: { state: 'Pulling', attempt: 1 } },
  {
    when: 'its Job is at work',
    jobs: [
      [
        [0, 1],
        [container(0), container(1)],
      ],
    ],
    is: { state: 'Pulling', attempt: 1 },
  },
  {
    when: 'all came',
    jobs: [
      [
        [0, 1],
        [completed(0), completed(1)],
      ],
    ],
    is: { state: 'Ready', images: 'p' },
  },
  {
    when: 'one can not be had, for the first time',
    jobs: [
      [
        [0, 1],
        [missing(0), completed(1)],
      ],
    ],
    is: {
      ...{ state: 'Pending', images: 'rp', oneImagePerJob: false },
      retryDeadline: noon + 2 * five,
    },
    failed: ['app:1'],
  },
  {
    when: 'one can not be had, for the second time',
    entry: { attempt: 2, images: 'rp' },
    jobs: [[[0], [missing(0)]]],
    is: { state: 'Failed', images: 'fp' },
    failed: ['app:1'],
  },
  {
    when: 'the second try has got it',
    entry: { attempt: 2, images: 'rp', oneImagePerJob: true },
    jobs: [[[0], [completed(0)]]],
    is: { state: 'Ready', images: 'p', oneImagePerJob: false },
  },
  {
    when: 'time ran out without a word',
    jobs: [
      [
        [0, 1],
        [container(0), container(1)],
      ],
    ],
    after: five,
    is: {
      ...{ state: 'Pending', images: 'r', oneImagePerJob: true },
      retryDeadline: noon + 2 * five,
    },
    failed: ['app:1', 'base:2'],
  },
  {
    when: 'the deadline of all images has passed without a word',
    jobs: [
      [
        [0, 1],
        [container(0), container(1)],
      ],
    ],
    after: 2 * five,
    is: { state: 'Failed', attempt: 1, images: 'f', retryDeadline: undefined },
    failed: ['app:1', 'base:2'],
  },
  {
    when: 'the second attempt has not begun by the deadline of the first',
    entry: { state: 'Pending', images: 'rp', retryDeadline: noon + five },
    after: five,
    is: { state: 'Failed', images: 'fp', retryDeadline: undefined },
  },
  {
    when: 'the second attempt may still begin',
    entry: { state: 'Pending', images: 'rp', retryDeadline: noon + five },
    after: five - 1000,
    is: { state: 'Pending', images: 'rp' },
  },
  {
    when: 'the deadline of the first attempt has passed before all Jobs of the second were created',
    entry: {
      ...{ attempt: 2, images: 'r', oneImagePerJob: true },
      retryDeadline: noon + five,
    },
    jobs: [[[0], [completed(0)]]],
    after: five,
    is: { state: 'Failed', images: 'pf', retryDeadline: undefined },
  },
  {
    when: 'the first of its Jobs has ended: that sets the time for a second attempt at all of its images',
    spec: { pullsPerNode: 2 },
    jobs: [[[0], [missing(0)]]],
    is: { state: 'Pulling', retryDeadline: noon + 2 * five },
    failed: ['app:1'],
  },
  {
    when: 'its image fails in the second attempt: it is tried until no earlier than the deadline, in whole seconds',
    entry: { attempt: 2, images: 'rp', retryDeadline: noon + five - 500 },
    jobs: [[[0], [waiting(0, 'ErrImagePull', 'dial tcp: i/o timeout')]]],
    is: { state: 'Pulling', failingUntil: noon + five },
    failed: ['app:1'],
  },
  {
    when: 'one of two single Jobs has ended',
    entry: { attempt: 2, images: 'r', oneImagePerJob: true },
    jobs: [[[0], [missing(0)]]],
    is: {
      state: 'Pulling',
      images: 'ur',
    },
    failed: ['app:1'],
  },
  {
    when: 'the other single Job has ended, too',
    entry: {
      ...{ attempt: 2, images: 'ur', oneImagePerJob: true },
    },
    jobs: [[[1], [completed(1)]]],
    is: { state: 'Failed', images: 'fp', oneImagePerJob: false },
  },
  {
    when: 'the other one has ended, and both have what they were for',
    entry: {
      ...{ attempt: 2, images: 'tr', oneImagePerJob: true },
    },
    jobs: [[[1], [completed(1)]]],
    is: { state: 'Ready', images: 'p' },
  },
  {
    when: 'the first of two Jobs could not get its image, and the second has ended',
    spec: { pullsPerNode: 2 },
    entry: { images: 'yw' },
    jobs: [[[1], [completed(1)]]],
    is: { state: 'Pending', images: 'rp', oneImagePerJob: true },
  },
  {
    when: 'one image had its result from a set of Jobs that was cut another way',
    entry: { images: 'xw' },
    jobs: [
      [
        [0, 1],
        [completed(0), completed(1)],
      ],
    ],
    is: { state: 'Ready', images: 'p' },
  },
  {
    when: 'the second of two Jobs was lost for the third time',
    spec: { pullsPerNode: 2 },
    entry: { attempt: 3, images: 'dw' },
    jobs: [[[1], 'gone']],
    is: { state: 'Failed', images: 'pf' },
    failed: ['base:2'],
  },
  {
    when: 'two Jobs at once have ended',
    spec: { pullsPerNode: 2 },
    jobs: [
      [[0], [completed(0)]],
      [[1], [completed(1)]],
    ],
    is: { state: 'Ready' },
  },
  {
    when: 'its Job was lost',
    jobs: [[[0, 1], 'lost']],
    is: { state: 'Pending', attempt: 1, images: 'w' },
  },
  { when: 'its Job is gone', jobs: [[[0, 1], 'gone']], is: { state: 'Pending', attempt: 1, images: 'w' } },
  {
    when: 'its Job was lost twice',
    entry: { attempt: 2 },
    jobs: [[[0, 1], 'lost']],
    is: { state: 'Pending', attempt: 2 },
  },
  {
    when: 'its Job was lost three times',
    entry: { attempt: 3 },
    jobs: [[[0, 1], 'lost']],
    is: { state: 'Failed', images: 'f' },
    failed: ['app:1', 'base:2'],
  },
  {
    when: 'one of two Jobs was lost',
    spec: { pullsPerNode: 2 },
    jobs: [
      [[0], [completed(0)]],
      [[1], 'gone'],
    ],
    is: { state: 'Pending', attempt: 1 },
  },
  {
    when: 'an image is missing after two lost Jobs',
    entry: { attempt: 3 },
    jobs: [
      [
        [0, 1],
        [missing(0), completed(1)],
      ],
    ],
    is: { state: 'Failed', images: 'fp' },
    failed: ['app:1'],
  },
  {
    when: 'mounting was refused',
    on: new Map([['node-1', modernNode()]]),
    jobs: [
      [
        [0, 1],
        [waiting(0, 'CreateContainerError', 'ImageVolumeMountFailed'), container(1)],
        { imageAccess: 'mounting' },
      ],
    ],
    is: { state: 'Pending', attempt: 1, copiesNoop: true, images: 'w' },
  },
];

describe('a node that pulls becomes, when', () => {
  it.each(rows)('$when: $is.state', (row) => {
    const { nodes, failures } = folded(row);
    expect(nodes['node-1']).toMatchObject(row.is);
    expect(Object.keys(failures)).toEqual(row.failed ?? []);
  });
});

describe('what is reported about images', () => {
  it('is the digest of those that came', () => {
    expect(
      folded({
        when: '',
        jobs: [
          [
            [0, 1],
            [completed(0), missing(1)],
          ],
        ],
        is: {},
      }).digests,
    ).toEqual({ 'app:1': digest });
  });

  it('is why the others did not, in the words of the kubelet', () => {
    expect(
      folded({
        when: '',
        jobs: [
          [
            [0, 1],
            [completed(0), missing(1)],
          ],
        ],
        is: {},
      }).failures,
    ).toEqual({ 'base:2': [{ node: 'node-1', reason: 'ErrImagePull', message: 'not found' }] });
  });

  it('is that a Job was taken away, and that there is no further attempt', () => {
    const { failures } = folded({ when: '', entry: { attempt: 3 }, jobs: [[[0, 1], 'gone']], is: {} });
    expect(failures['app:1']).toEqual([
      {
        ...{ node: 'node-1', reason: 'JobLost' },
        message: 'The Job or its Pod was deleted before it ended, and no more than 3 attempts are made in a round',
      },
    ]);
  });

  it('leaves alone the nodes that do not pull', () => {
    const cache = openCache({ 'node-1': pulling({ state: 'Ready' }), 'node-2': pulling({ state: 'Skipped' }) });
    const wanted = desiredImagesOf(cache, [0], settings());
    const seen = observed({ nodeList: [node()] });
    expect(
      recordResults(world({ before: cache, observed: seen }), cache, new Map([[wanted.hash, wanted]])).status,
    ).toEqual(cache.status);
  });
});
