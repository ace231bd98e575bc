import { describe, expect, it } from 'vitest';
import type { Spec } from '#model/image-cache.ts';
import type { LedgerEntry } from '#model/ledger.ts';
import type { Node } from '#model/node.ts';
import type { ContainerStatus, Job, Pod } from '#model/pod.ts';
import { judge, podGrace, type Verdict } from '#model/pull-result.ts';
import { wantedOf } from '#model/wanted.ts';
import {
  cache,
  completed,
  container,
  digest,
  job,
  list,
  modernNode,
  node,
  noon,
  pod,
  pulling,
  settings,
  spec,
  waiting,
} from './builders.ts';

/** A Job with the images app:1 (0) and base:2 (1), and what it has come to. */
type Row = {
  readonly when: string;
  readonly job?: Partial<Job> | 'unread';
  readonly pod?: Partial<Pod>;
  /** Statuses of both containers, in place of the Pod's. */
  readonly containers?: readonly ContainerStatus[];
  readonly after?: number;
  readonly on?: Node | undefined;
  readonly entry?: Partial<LedgerEntry>;
  readonly spec?: Partial<Spec>;
  readonly is: object;
};

const second = 1000;
const minute = 60 * second;

function verdict(row: Row): Verdict {
  const live = cache({ spec: spec(row.spec) });
  const given = settings();
  const read = row.containers === undefined ? row.pod : { ...row.pod, containers: row.containers };
  return judge({
    view: {
      job: row.job === 'unread' ? undefined : job(row.job),
      pod: read === undefined ? undefined : pod(read),
    },
    indexes: [0, 1],
    wanted: wantedOf(live, [0], given),
    entry: pulling(row.entry),
    cache: live,
    node: 'on' in row ? row.on : node(),
    settings: given,
    now: noon + (row.after ?? second),
  });
}

const check = (rows: readonly Row[]) =>
  it.each(rows)('$when', (row) => {
    expect(verdict(row)).toEqual(row.is);
  });

type Told = readonly [reason: string, message: string];

const done = (
  present: Readonly<Record<number, string>>,
  failed: Readonly<Record<number, Told>> = {},
  vague: readonly number[] = [],
) => ({
  type: 'done',
  present: byIndex(present),
  failed: new Map([...byIndex(failed)].map(([index, [reason, message]]) => [index, { reason, message }])),
  vague: new Set(vague),
});
const byIndex = <T>(of: Readonly<Record<number, T>>): Map<number, T> =>
  new Map(Object.entries(of).map(([index, value]) => [Number(index), value]));

const open = { type: 'open', causes: new Map() };
const lost = { type: 'lost' };
const bothPresent = done({ 0: digest, 1: digest });
const both = (told: Told): Readonly<Record<number, Told>> => ({ 0: told, 1: told });

const unknown: Told = [
  'ImagePullStatusUnknown',
  'Unable to get the status of Image pull. Retry after some time or contact cluster administrator',
];
const notFound =
  'rpc error: code = NotFound desc = failed to pull and unpack image "x": failed to resolve image: x: not found';

describe('an image is there when its container', () => {
  const present: readonly (readonly [string, Partial<ContainerStatus>, string])[] = [
    ['has completed', { state: 'terminated', reason: 'Completed', imageId: `r.example.com/a@${digest}` }, digest],
    ['is running', { state: 'running' }, ''],
    ['has failed in running', { state: 'terminated', reason: 'Error', exitCode: 1 }, ''],
    ['could not be started', { state: 'terminated', reason: 'StartError', exitCode: 128 }, ''],
    ['has an image while it waits', { reason: 'ContainerCreating', imageId: `a@${digest}` }, digest],
    [
      'was lost sight of after it had its image',
      { state: 'terminated', reason: 'ContainerStatusUnknown', imageId: `a@${digest}` },
      digest,
    ],
    ['has an image id that is no digest of a manifest', { state: 'running', imageId: 'sha256:1234' }, ''],
    ['can not be made', { reason: 'CreateContainerError' }, ''],
    ['can not be configured', { reason: 'CreateContainerConfigError', message: 'secret not found' }, ''],
    ['can not be run', { reason: 'RunContainerError' }, ''],
    ['crashes', { reason: 'CrashLoopBackOff' }, ''],
  ];
  it.each(present)('%s', (_, of, is) => {
    const containers = [container(0, of), completed(1)];
    expect(verdict({ when: '', containers, is: {} })).toEqual(done({ 0: is, 1: digest }));
  });

  check([
    { when: 'is not told of although the Pod succeeded', pod: { phase: 'Succeeded' }, is: done({ 0: '', 1: '' }) },
    { when: 'has completed, before the Job says so', containers: [completed(0), completed(1)], is: bothPresent },
    {
      when: 'has completed in a Pod that is about to go',
      pod: { isBeingDeleted: true },
      containers: [completed(0), completed(1)],
      is: bothPresent,
    },
    {
      when: 'belongs to a Job that completed and whose Pod is gone',
      job: { outcome: 'Complete' },
      is: done({ 0: '', 1: '' }),
    },
  ]);
});

describe('an image has failed for good when its container waits for', () => {
  const reasons: readonly Told[] = [
    ['ErrImagePull', notFound],
    ['ImagePullBackOff', `Back-off pulling image "x": ErrImagePull: ${notFound}`],
    ['ErrImagePull', 'manifest unknown: manifest unknown'],
    [
      'ErrImagePull',
      'pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials',
    ],
    ['ErrImagePull', 'unexpected status from HEAD request: 403 Forbidden'],
    ['ErrImagePull', 'unauthorized: authentication required'],
    ['ErrImagePull', 'no match for platform in manifest: not found'],
    ['InvalidImageName', 'Failed to apply default image tag "X": couldn\'t parse image name'],
    ['ErrImageNeverPull', 'Container image is not present with pull policy of Never'],
    ['SignatureValidationFailed', 'a signature was required, but no signature exists'],
  ];
  it.each(reasons)('%s: %s', (reason, message) => {
    const containers = [waiting(0, reason, message), completed(1)];
    expect(verdict({ when: '', containers, is: {} })).toEqual(done({ 1: digest }, { 0: [reason, message] }));
  });
});

describe('a Job is still at work while', () => {
  const troubles: readonly Told[] = [
    ['ErrImagePull', '429 Too Many Requests - toomanyrequests: You have reached your pull rate limit'],
    ['ErrImagePull', 'unexpected status code 503 Service Unavailable'],
    ['ImagePullBackOff', 'Back-off pulling image "x": ErrImagePull: dial tcp: connection reset by peer'],
    ['ErrImagePull', 'dial tcp: lookup r.example.com: i/o timeout'],
    ['ErrImagePull', 'write /var/lib/containerd/x: no space left on device'],
    ['RegistryUnavailable', 'registry is unavailable'],
    ['ImageInspectError', 'Failed to inspect image'],
  ];
  it.each(troubles)('an image waits for %s: %s, and says so', (reason, message) => {
    expect(verdict({ when: '', containers: [waiting(0, reason, message), completed(1)], is: {} })).toEqual({
      type: 'open',
      causes: new Map([[0, { reason, message }]]),
    });
  });
  const quiet: readonly Told[] = [
    ['ErrImagePull', 'pull QPS exceeded'],
    ['ImagePullBackOff', 'Back-off pulling image "x": ErrImagePull: pull QPS exceeded'],
    ['ContainerCreating', ''],
    ['PodInitializing', ''],
    ['', ''],
  ];
  it.each(quiet)('an image waits for %s: %s', (reason, message) => {
    expect(verdict({ when: '', containers: [waiting(0, reason, message), completed(1)], is: {} })).toEqual(open);
  });

  check([
    { when: 'it was just made', is: open },
    { when: 'it has no Pod yet, and nobody says why', after: 5 * minute - second, is: open },
    {
      when: 'its Pod is being scheduled',
      pod: { startedAt: undefined, unschedulable: 'no' },
      after: 4 * minute,
      is: open,
    },
    {
      when: 'its Pod has told nothing within 330 s',
      pod: {},
      spec: { pullDeadlineSeconds: 30 },
      after: 329 * second,
      is: open,
    },
    {
      when: 'its Pod has told nothing of two images within two deadlines',
      pod: {},
      after: 10 * minute - second,
      is: open,
    },
    {
      when: 'one image can never come and another is not tried yet: the reason is told at once',
      containers: [waiting(0, 'ErrImagePull', notFound), container(1)],
      after: 5 * minute - second,
      is: { type: 'open', causes: new Map([[0, { reason: 'ErrImagePull', message: notFound }]]) },
    },
    {
      when: 'its Pod was refused a moment ago',
      job: { podRefused: 'exceeded quota: q' },
      after: podGrace - 1,
      is: open,
    },
  ]);
});

describe('a deadline', () => {
  check([
    {
      when: 'ends the wait for a Pod that does not start, with what the scheduler says',
      pod: { startedAt: undefined, unschedulable: '0/3 nodes are available' },
      after: 5 * minute,
      is: done({}, both(['Pending', '0/3 nodes are available']), [0, 1]),
    },
    {
      when: "ends it in kube-fledged's words where nobody says anything",
      pod: { startedAt: undefined },
      after: 5 * minute,
      is: done({}, both(['Pending', 'Check if node is ready']), [0, 1]),
    },
    {
      when: "is the cache's own where it has one",
      pod: { startedAt: undefined },
      spec: { pullDeadlineSeconds: 20 },
      after: 20 * second,
      is: done({}, both(['Pending', 'Check if node is ready']), [0, 1]),
    },
    {
      when: 'of a started Pod counts the images of which nothing is known',
      pod: {},
      after: 10 * minute,
      is: done({}, both(unknown), [0, 1]),
    },
    {
      when: 'of one such image is not below 330 s, as a registry that hangs lets go after 301',
      containers: [completed(0), container(1)],
      spec: { pullDeadlineSeconds: 1 },
      after: 330 * second,
      is: done({ 0: digest }, { 1: unknown }, [1]),
    },
    {
      when: 'of a Pod that has tried all and backs off is one, with what the kubelet says',
      containers: [completed(0), waiting(1, 'ImagePullBackOff', 'toomanyrequests')],
      after: 5 * minute,
      is: done({ 0: digest }, { 1: ['ImagePullBackOff', 'toomanyrequests'] }),
    },
    {
      when: "spares an image that the node's own list proves to be there",
      pod: {},
      on: node({ images: new Set(['docker.io/library/base:2']) }),
      after: 10 * minute,
      is: done({ 1: '' }, { 0: unknown }, [0]),
    },
    {
      when: 'believes no such list of an image that may have moved',
      pod: {},
      on: node({ images: new Set(['docker.io/library/app:latest', 'docker.io/library/base:2']) }),
      spec: { lists: [list(['app', 'base:2'])] },
      after: 10 * minute,
      is: done({ 1: '' }, { 0: unknown }, [0]),
    },
    {
      when: 'needs no node to be read',
      pod: {},
      on: undefined,
      after: 10 * minute,
      is: done({}, both(unknown), [0, 1]),
    },
    {
      when: 'ends the wait for a Job that never has a Pod',
      after: 5 * minute,
      is: done({}, both(['Pending', 'The Job has no Pod, and no Event says why']), [0, 1]),
    },
  ]);
});

describe('a Job is lost, which is no fault of an image, when', () => {
  const unheard = [container(0), container(1)];
  const gone = {
    state: 'terminated',
    reason: 'ContainerStatusUnknown',
    exitCode: 137,
    message: 'could not be located',
  } as const;
  check([
    { when: 'neither it nor its Pod is there', job: 'unread', is: lost },
    { when: 'it failed and left no Pod', job: { outcome: 'Failed' }, is: lost },
    { when: 'it is being deleted by somebody', job: { isBeingDeleted: true }, is: lost },
    { when: 'its Pod was evicted', pod: { phase: 'Failed', reason: 'Evicted' }, is: lost },
    { when: 'its Pod had no place on the node', pod: { phase: 'Failed', reason: 'OutOfpods' }, is: lost },
    { when: 'the kubelet admitted it not', pod: { phase: 'Failed', reason: 'UnexpectedAdmissionError' }, is: lost },
    { when: 'its node shuts down', pod: { isDisrupted: true }, containers: unheard, is: lost },
    { when: 'its Pod is being deleted', pod: { isBeingDeleted: true }, containers: unheard, is: lost },
    {
      when: 'a deadline has wiped what was known',
      pod: { phase: 'Failed', reason: 'DeadlineExceeded' },
      containers: [container(0, gone), completed(1)],
      is: lost,
    },
    {
      when: 'its Pod was preempted between two tries',
      pod: { isDisrupted: true },
      containers: [waiting(0, 'ErrImagePull', 'connection reset'), completed(1)],
      is: lost,
    },
    {
      when: 'its Pod was evicted while the helper ran',
      pod: { phase: 'Failed', reason: 'Evicted', isDisrupted: true, helper: container(0, { ...gone, name: 'noop' }) },
      containers: unheard,
      is: lost,
    },
    {
      when: 'its Pod was killed with the helper',
      pod: {
        isDisrupted: true,
        helper: container(0, { name: 'noop', state: 'terminated', reason: 'Error', exitCode: 137 }),
      },
      containers: unheard,
      is: lost,
    },
    {
      when: 'its Pod was lost with an image not tried, though another can never come',
      pod: { phase: 'Failed', reason: 'Evicted' },
      containers: [waiting(0, 'ErrImagePull', notFound), container(1)],
      is: lost,
    },
  ]);
});

describe('the helper image', () => {
  const helper = (of: Partial<ContainerStatus>) => container(0, { name: 'noop', ...of });
  const told = (why: string): Told => [
    'HelperImageFailed',
    `the helper image registry.example.com/noop:1 does not run: ${why}`,
  ];
  const [reason, message] = told('i/o timeout');
  const helperTrouble = { reason, message };
  check([
    {
      when: 'that can never come is told as itself',
      pod: { helper: helper({ reason: 'ErrImagePull', message: notFound }) },
      is: done({}, both(told(notFound))),
    },
    {
      when: 'that ends with an error is told as itself',
      pod: { helper: helper({ state: 'terminated', reason: 'Error', exitCode: 2 }) },
      is: done({}, both(told('Error'))),
    },
    {
      when: 'that may still come is waited for, and told as itself',
      pod: { helper: helper({ reason: 'ErrImagePull', message: 'i/o timeout' }) },
      after: 5 * minute - second,
      is: { type: 'open', causes: new Map([0, 1].map((index) => [index, helperTrouble])) },
    },
    {
      when: 'that did not come until the deadline is told as itself',
      pod: { helper: helper({ reason: 'ImagePullBackOff', message: 'i/o timeout' }) },
      after: 5 * minute,
      is: done({}, both(told('i/o timeout'))),
    },
    {
      when: 'that has run says nothing',
      pod: { helper: helper({ state: 'terminated', reason: 'Completed' }) },
      containers: [completed(0), completed(1)],
      is: bothPresent,
    },
    { when: 'that waits for its turn says nothing', pod: { helper: helper({ reason: 'PodInitializing' }) }, is: open },
  ]);
});

describe('of images that are mounted', () => {
  it('are not touched by a Pod whose volumes the API server emptied: that is no result, whatever its containers say', () => {
    expect(
      verdict({
        when: '',
        pod: { way: 'neither', phase: 'Succeeded' },
        containers: [completed(0), completed(1)],
        is: {},
      }),
    ).toEqual({
      type: 'mountRefused',
    });
  });

  const mounting = { way: 'mounting', phase: 'Running' } as const;
  const on = modernNode();
  const ran = (index: number) =>
    container(index, { state: 'terminated', reason: 'Completed', imageId: `noop@${digest}` });
  check([
    {
      when: 'those are there whose container ran, and their digest is not known',
      pod: mounting,
      on,
      containers: [ran(0), ran(1)],
      is: done({ 0: '', 1: '' }),
    },
    {
      when: "the helper's image id proves nothing",
      pod: mounting,
      on,
      containers: [container(0, { imageId: `noop@${digest}` }), ran(1)],
      is: open,
    },
    {
      when: 'one that can never come has failed by itself',
      pod: mounting,
      on,
      containers: [waiting(0, 'ErrImagePull', notFound), ran(1)],
      is: done({ 1: '' }, { 0: ['ErrImagePull', notFound] }),
    },
    {
      when: 'one that the runtime can not mount shows that images are to be copied',
      pod: mounting,
      on,
      containers: [waiting(0, 'CreateContainerError', 'ImageVolumeMountFailed: not supported'), ran(1)],
      is: { type: 'mountRefused' },
    },
    {
      when: 'none is blamed for the helper',
      pod: mounting,
      on,
      containers: [0, 1].map((index) => waiting(index, 'ErrImagePull', `registry.example.com/noop:1: not found`)),
      is: done(
        {},
        both([
          'HelperImageFailed',
          'the helper image registry.example.com/noop:1 does not run: registry.example.com/noop:1: not found',
        ]),
      ),
    },
    {
      when: 'a throttled pull is waited for',
      pod: mounting,
      on,
      containers: [waiting(0, 'ErrImagePull', 'pull QPS exceeded'), ran(1)],
      is: open,
    },
    {
      when: 'a Pod that admission refuses is copied next time',
      job: { podRefused: 'pods "x" is forbidden: image volumes are not allowed' },
      on,
      after: podGrace,
      is: { type: 'mountRefused' },
    },
  ]);
});

describe('a Job whose Pod can not be made', () => {
  const quota = 'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1';
  const admission = 'admission webhook "w" denied the request: no';
  check([
    {
      when: 'by quota says so and waits',
      job: { podRefused: quota },
      after: podGrace,
      is: { type: 'open', causes: new Map([0, 1].map((index) => [index, { reason: 'FailedCreate', message: quota }])) },
    },
    {
      when: 'by quota fails with that text when its time is up',
      job: { podRefused: quota },
      after: 5 * minute,
      is: done({}, both(['FailedCreate', quota])),
    },
    {
      when: 'by quota is not taken for a refusal of image volumes',
      job: { podRefused: quota },
      on: modernNode(),
      after: 5 * minute,
      is: done({}, both(['FailedCreate', quota])),
    },
    {
      when: 'by admission fails within seconds',
      job: { podRefused: admission },
      after: podGrace,
      is: done({}, both(['FailedCreate', admission])),
    },
    {
      when: 'by admission, though already copied, fails on a modern node too',
      job: { podRefused: admission },
      on: modernNode(),
      entry: { copy: true },
      after: podGrace,
      is: done({}, both(['FailedCreate', admission])),
    },
  ]);
});
