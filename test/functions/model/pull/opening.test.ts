import { describe, expect, it } from 'vitest';
import type { AnonymousPulls } from '#model/cache/image-answers.ts';
import type { Spec, Status } from '#model/cache/image-cache.ts';
import { pendingOf } from '#model/cache/image-states.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { JobView, ContainerStatus, Pod } from '#model/job/job.ts';
import type { Node } from '#model/node/node.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import { pullJob } from '#model/pull/pull-job.ts';
import { recordResults } from '#model/pull/record-results.ts';
import {
  cache,
  completed,
  container,
  job,
  modernNode,
  nameOf,
  node,
  noon,
  observed,
  openCache,
  pod,
  pulling,
  settings,
  spec,
  waiting,
  world,
} from '../builders.ts';

const withSecret = { imagePullSecrets: ['hub'] };
const denied = (index: number): ContainerStatus =>
  waiting(index, 'ErrImagePull', 'pull access denied: authorization failed: no basic auth credentials');
const unreachable = (index: number): ContainerStatus => waiting(index, 'ErrImagePull', 'connection refused');
const throttled = (index: number): ContainerStatus =>
  waiting(
    index,
    'ErrImagePull',
    '429 Too Many Requests - toomanyrequests: You have reached your unauthenticated pull rate limit.',
  );
const helperDenied = (index: number): ContainerStatus =>
  waiting(index, 'ErrImagePull', `failed to pull ${settings().noopImage}: 401 Unauthorized`);

/** A node whose Job pulls or opens app:1 (0), base:2 (1) and the no-op (2), and what its Pod reports. */
type Case = {
  readonly entry?: Partial<LedgerEntry>;
  readonly spec?: Partial<Spec>;
  readonly containers?: readonly ContainerStatus[];
  readonly pod?: Partial<Pod>;
  readonly job?: JobView['job'];
  readonly on?: Node;
  readonly anonymousPulls?: AnonymousPulls;
};

function recorded({ entry, spec: of = withSecret, containers = [], on = modernNode(), ...rest }: Case): Status {
  const plain = openCache({}, { spec: spec(of) });
  const claimed = pulling({ id: on.id, ...entry }, plain);
  const { status } = openCache({ [on.name]: claimed }, { spec: spec(of) });
  const current = { ...plain, status: { ...status, anonymousPulls: rest.anonymousPulls ?? {} } };
  const desired = desiredImagesOf(current, [0], settings());
  const name = nameOf(current, claimed, pendingOf(claimed, 2));
  const seen = pod({ jobName: name, containers, imageAccess: 'mounting', ...rest.pod });
  const view: JobView = 'job' in rest ? { job: rest.job, pod: undefined } : { job: job({ name }), pod: seen };
  const looked = observed({ nodes: new Map([[on.name, on]]), jobs: new Map([[name, view]]), hasAllJobs: false });
  return recordResults(world({ before: current, observed: looked }), current, new Map([[desired.hash, desired]]))
    .status;
}

const entryOf = (of: Case): LedgerEntry | undefined => Object.values(recorded(of).nodes)[0];
const opening = (of: Partial<LedgerEntry> = {}): Partial<LedgerEntry> => ({
  ...{ opening: 'Noop', images: 'W', noop: 'W' },
  ...of,
});
const allDone = [completed(0), completed(1), completed(2)];

describe('a node that pulled with credentials', () => {
  const opens = { state: 'Pending', attempt: 0, opening: 'Noop', images: 'W', noop: 'W' };
  const isReady = { state: 'Ready', opening: undefined, images: 'p' };

  it.each([
    { when: 'the cache names a secret', of: {}, is: opens },
    {
      when: 'admission added a secret of the service account',
      of: { spec: {}, pod: { hasPullSecrets: true } },
      is: opens,
    },
    { when: 'the cache names a service account', of: { spec: { serviceAccountName: 'puller' } }, is: opens },
    {
      when: 'the Job is complete, and its Pod, which may have had some, is gone',
      of: { spec: {}, job: job({ outcome: 'Complete' }) },
      is: opens,
    },
    {
      when: 'no Pod could be created',
      of: { spec: {}, entry: { attempt: 3, copiesNoop: true }, job: job({ podRefused: 'denied', createdAt: 0 }) },
      is: { state: 'Failed', images: 'f', noop: undefined },
    },
    { when: 'the Pod had no credentials', of: { spec: {} }, is: { ...isReady, noop: undefined } },
    { when: 'the kubelet keeps no records', of: { on: node() }, is: { ...isReady, noop: 'p' } },
    {
      when: 'the registry denies one image to others',
      of: { anonymousPulls: { 'docker.io/library/app:1': 'Denied' } as const },
      is: { ...opens, images: 'pW' },
    },
    {
      when: 'it denies all, and the no-op was opened before',
      of: {
        entry: { noop: 'p' },
        anonymousPulls: { 'docker.io/library/app:1': 'Denied', 'docker.io/library/base:2': 'Denied' } as const,
      },
      is: { ...isReady, noop: 'p' },
    },
  ])('opens what it pulled and the no-op, as far as others may have it: $when', ({ of, is }) => {
    expect(entryOf({ containers: [completed(0), completed(1)], ...of })).toMatchObject(is);
  });

  it('opens the images it has if others failed, and stays Failed', () => {
    const missing = waiting(0, 'ErrImagePull', 'not found');
    const failed = entryOf({ entry: { attempt: 2, images: 'r' }, containers: [missing, completed(1)] });
    expect(failed).toMatchObject({ opening: 'Noop', images: 'fW', noop: 'W' });
    const entry = opening({ images: 'fW' });
    const ended = entryOf({ entry, containers: [completed(1), completed(2)] });
    expect(ended).toMatchObject({ state: 'Failed', opening: undefined, images: 'fp', noop: 'p' });
  });
});

describe('a Job that opens images', () => {
  it('has no credentials, and no service account that may have some, and pulls no newer image', () => {
    const on = modernNode();
    const live = openCache(
      {},
      { spec: spec({ ...withSecret, serviceAccountName: 'puller', imagePullPolicy: 'Always' }) },
    );
    const desired = desiredImagesOf(live, [0], settings());
    const entry = pulling({ id: on.id, desiredHash: desired.hash, opening: 'Noop' });
    const order = {
      cache: live,
      node: on,
      entry,
      desired,
      indexes: [0, 1, 2],
      settings: settings(),
      runAsUser: 65_532,
      now: noon,
    };
    const template = pullJob(order).spec?.template.spec;
    expect(template).toMatchObject({ imagePullSecrets: [{}] });
    expect(template).not.toHaveProperty('serviceAccountName');
    const images = template?.volumes?.map(({ image }) => image);
    const references = ['app:1', 'base:2', settings().noopImage];
    expect(images).toEqual(references.map((reference) => ({ reference, pullPolicy: 'IfNotPresent' })));
    expect(pullJob(order).metadata.name).not.toBe(pullJob({ ...order, entry: pulling({}, live) }).metadata.name);
  });

  it('makes the node Ready with all images open', () => {
    const { nodes, anonymousPulls } = recorded({ entry: opening(), containers: allDone });
    expect(Object.values(nodes)).toMatchObject([{ state: 'Ready', opening: undefined, images: 'p', noop: 'p' }]);
    expect(anonymousPulls).toEqual({ 'docker.io/library/app:1': 'Allowed', 'docker.io/library/base:2': 'Allowed' });
  });

  it('learns which images are denied to others, for all nodes', () => {
    const containers = [denied(0), completed(1), completed(2)];
    const { nodes, anonymousPulls, failures } = recorded({ entry: opening(), containers });
    expect(Object.values(nodes)).toMatchObject([{ state: 'Ready', images: 'p', noop: 'p' }]);
    expect(anonymousPulls).toEqual({ 'docker.io/library/app:1': 'Denied', 'docker.io/library/base:2': 'Allowed' });
    expect(failures).toEqual({});
  });

  it('does not refute a refusal: kubelets ask no registry about an image of which they have no record', () => {
    const { anonymousPulls } = recorded({
      entry: opening(),
      containers: allDone,
      anonymousPulls: { 'docker.io/library/app:1': 'Denied', 'docker.io/library/base:2': 'Allowed' },
    });
    expect(anonymousPulls).toEqual({ 'docker.io/library/app:1': 'Denied', 'docker.io/library/base:2': 'Allowed' });
  });

  it.each([
    {
      when: 'a registry is out of reach',
      of: { containers: [unreachable(0), completed(1), completed(2)] },
      images: 'Pp',
    },
    {
      when: 'a registry limits requests without credentials',
      of: { containers: [throttled(0), completed(1), completed(2)] },
      images: 'Pp',
    },
    {
      when: 'a quota admits no Pod',
      of: { job: job({ podRefused: 'exceeded quota: pods', createdAt: 0 }) },
      images: 'P',
    },
    {
      when: 'its third Job was lost',
      of: { entry: opening({ attempt: 3 }), pod: { isDisrupted: true } },
      images: 'P',
    },
  ])('leaves images locked without failing the node, and does not wait: $when', ({ of, images }) => {
    const { nodes, failures, anonymousPulls } = recorded({ entry: opening({ copiesNoop: true }), ...of });
    expect(Object.values(nodes)).toMatchObject([{ state: 'Ready', images, noop: 'p' }]);
    expect(failures).toEqual({});
    expect(Object.values(anonymousPulls)).not.toContain('Denied');
  });

  it.each([
    { when: 'the pull deadline is 5 minutes', of: withSecret },
    { when: 'pulls have no deadline', of: { ...withSecret, pullDeadlineSeconds: 0 } },
    { when: 'pulls have an hour', of: { ...withSecret, pullDeadlineSeconds: 3600 } },
  ])('waits 5 minutes for a registry that does not answer, however many images it opens: $when', ({ of }) => {
    const silentFor = (seconds: number): LedgerEntry | undefined => {
      const startedAt = noon - seconds * 1000;
      const containers = [container(0), container(1), container(2)];
      return entryOf({ entry: opening(), spec: of, containers, pod: { createdAt: startedAt, startedAt } });
    };
    expect(silentFor(299)).toMatchObject({ state: 'Pulling', opening: 'Noop' });
    expect(silentFor(301)).toMatchObject({ state: 'Ready', images: 'P', noop: 'p' });
  });

  it('opens mounted images where the no-op is denied: kubelets check an image volume before the image of its container', () => {
    const { nodes, anonymousPulls } = recorded({
      entry: opening(),
      containers: [helperDenied(0), denied(1), helperDenied(2)],
    });
    expect(Object.values(nodes)).toMatchObject([{ state: 'Ready', opening: undefined, images: 'p', noop: 'p' }]);
    expect(anonymousPulls).toEqual({ 'docker.io/library/app:1': 'Allowed', 'docker.io/library/base:2': 'Denied' });
  });

  it('leaves images locked where the no-op is denied and images cannot be mounted: nothing else may run in them', () => {
    const helper = { ...helperDenied(0), name: 'noop' };
    const containers = [container(0), container(1), container(2)];
    const { nodes, anonymousPulls } = recorded({
      entry: opening({ copiesNoop: true }),
      containers,
      pod: { imageAccess: 'copying', helper },
    });
    expect(Object.values(nodes)).toMatchObject([{ state: 'Ready', opening: undefined, images: 'P', noop: 'p' }]);
    expect(anonymousPulls).toEqual({});
  });

  it('is retried when it is lost', () => {
    const lost = entryOf({ entry: opening(), pod: { isDisrupted: true } });
    expect(lost).toMatchObject({ state: 'Pending', attempt: 1, opening: 'Noop', images: 'W', noop: 'W' });
  });

  it('takes no image for opened that only the list of the node proves to be present', () => {
    const on = modernNode({ images: new Set(['docker.io/library/app:1', 'docker.io/library/base:2']) });
    const silent = { containers: [container(0), container(1), container(2)], pod: { createdAt: 0, startedAt: 0 } };
    expect(entryOf({ entry: opening(), on, ...silent })).toMatchObject({ state: 'Ready', images: 'P', noop: 'p' });
  });
});

describe('the hash of desired images', () => {
  it('differs for another service account, whose credentials nodes have to prove', () => {
    const hashOf = (of: Partial<Spec>): string => desiredImagesOf(cache({ spec: spec(of) }), [0], settings()).hash;
    expect(hashOf({ serviceAccountName: 'puller' })).not.toBe(hashOf({}));
    expect(hashOf({ serviceAccountName: 'a' })).not.toBe(hashOf({ imagePullSecrets: ['a'] }));
  });
});
