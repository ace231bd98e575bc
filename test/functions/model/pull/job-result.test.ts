import { describe, expect, it } from 'vitest';
import type { ContainerStatus } from '#model/job/job.ts';
import { podCreationGrace } from '#model/job/job-times.ts';
import { completed, container, digest, list, node, noon, waiting } from '../builders.ts';
import {
  second,
  minute,
  verdict,
  check,
  type Told,
  done,
  failing,
  open,
  bothPresent,
  both,
  notFound,
} from './verdict.ts';

const unknown: Told = [
  'ImagePullStatusUnknown',
  'Unable to get the status of Image pull. Retry after some time or contact cluster administrator',
];

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
    ['ImagePullBackOff', `Back-off pulling image "x": ${notFound}`],
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

describe('the failure that a kubelet quotes while it backs off', () => {
  const backOff = (quoted: string) =>
    waiting(0, 'ImagePullBackOff', `Back-off pulling image "x": ErrImagePull: ${quoted}`);

  it('is the cause, if it is final', () => {
    const told = verdict({ when: '', containers: [backOff(notFound), completed(1)], is: {} });
    expect(told).toEqual(done({ 1: digest }, { 0: ['ErrImagePull', notFound] }));
  });

  it('is the cause, if it is tried again', () => {
    const message = 'dial tcp: connection reset by peer';
    expect(verdict({ when: '', containers: [backOff(message), completed(1)], is: {} })).toEqual(
      failing({ 0: ['ErrImagePull', message] }),
    );
  });
});

describe('a Job is still at work while', () => {
  const troubles: readonly Told[] = [
    ['ErrImagePull', '429 Too Many Requests - toomanyrequests: You have reached your pull rate limit'],
    ['ErrImagePull', 'unexpected status code 503 Service Unavailable'],
    ['ImagePullBackOff', 'Back-off pulling image "x"'],
    ['ErrImagePull', 'dial tcp: lookup r.example.com: i/o timeout'],
    ['ErrImagePull', 'write /var/lib/containerd/x: no space left on device'],
    ['RegistryUnavailable', 'registry is unavailable'],
    ['ImageInspectError', 'Failed to inspect image'],
  ];
  it.each(troubles)('an image waits for %s: %s, and says so', (reason, message) => {
    expect(verdict({ when: '', containers: [waiting(0, reason, message), completed(1)], is: {} })).toEqual(
      failing({ 0: [reason, message] }),
    );
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
    { when: 'it has no Pod yet, without a reason', after: 5 * minute - second, is: open },
    {
      when: 'its Pod is being scheduled',
      pod: { startedAt: undefined, unschedulable: 'no' },
      after: 4 * minute,
      is: open,
    },
    {
      when: 'its Pod has reported neither of two images within half of their time',
      pod: {},
      spec: { pullDeadlineSeconds: 30 },
      after: 29 * second,
      is: open,
    },
    {
      when: 'its Pod has reported neither of two images in a second attempt, and there is time left',
      pod: {},
      entry: { images: 'r', retryDeadline: noon + 11 * minute },
      after: 10 * minute - second,
      is: open,
    },
    {
      when: 'there is no deadline',
      pod: {},
      settings: { imagePullDeadline: 0 },
      after: 7 * 24 * 60 * minute,
      is: open,
    },
    {
      when: 'its Pod is not started, and there is no deadline',
      pod: { startedAt: undefined },
      settings: { imagePullDeadline: 0 },
      after: 7 * 24 * 60 * minute,
      is: open,
    },
    {
      when: 'it has no Pod, and there is no deadline',
      settings: { imagePullDeadline: 0 },
      after: 7 * 24 * 60 * minute,
      is: open,
    },
    {
      when: 'one image can never come and another is not tried yet: the reason is told at once',
      containers: [waiting(0, 'ErrImagePull', notFound), container(1)],
      after: 5 * minute - second,
      is: failing({ 0: ['ErrImagePull', notFound] }),
    },
    {
      when: 'its Pod was refused a moment ago',
      job: { podRefused: 'exceeded quota: q' },
      after: podCreationGrace - 1,
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
      when: "ends it in kube-fledged's words where no reason is known",
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
      when: 'of a started Pod leaves half of the time of its silent images to try them one by one',
      pod: {},
      after: 5 * minute,
      is: done({}, both(unknown), [0, 1]),
    },
    {
      when: 'of a second attempt counts its silent images',
      pod: {},
      entry: { images: 'r', retryDeadline: noon + 30 * minute },
      after: 10 * minute,
      is: done({}, both(unknown), [0, 1]),
    },
    {
      when: 'of a second attempt is that of the first',
      pod: {},
      entry: { images: 'r', retryDeadline: noon + 20 * second },
      after: 20 * second,
      is: done({}, both(unknown), [0, 1]),
    },
    {
      when: 'of a second attempt is shared by its Jobs',
      pod: { startedAt: undefined },
      entry: { images: 'r', oneImagePerJob: true, retryDeadline: noon + 40 * second },
      after: 20 * second,
      is: done({}, both(['Pending', 'Check if node is ready']), [0, 1]),
    },
    {
      when: 'of one silent image is as short as it is given',
      containers: [completed(0), container(1)],
      spec: { pullDeadlineSeconds: 1 },
      after: second,
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
