import { failedOf } from '#model/cache/image-states.ts';
import { describe, expect, it } from 'vitest';
import type { Rollout } from '#model/cache/spec-schema.ts';
import type { ResolvedDigest } from '#model/cache/image-answers.ts';
import type { Node } from '#model/node/node.ts';
import { isNotFound } from '#model/pull/image-outcome.ts';
import { digest, list, node } from '../builders.ts';
import type { Fates, ImageFate } from '../simulated-pod.ts';
import { type SimulatedWorld, endJobs, manyNodes, nodeName, planAll, simulatedWorld } from '../simulated-world.ts';

const app = 'docker.io/library/app:1';
const absent: ReadonlyMap<string, ResolvedDigest> = new Map([[app, { type: 'absent' }]]);
const found: ReadonlyMap<string, ResolvedDigest> = new Map([[app, { type: 'digest', digest }]]);

type Of = {
  readonly nodes: readonly Node[];
  readonly images?: readonly string[];
  readonly fates?: Readonly<Record<string, ImageFate>>;
  readonly brokenNodes?: Fates['brokenNodes'];
  readonly answers?: ReadonlyMap<string, ResolvedDigest>;
  readonly maxConcurrentNodes?: number;
  readonly rollout?: Rollout;
};

const world = ({ nodes: given, images = ['app:1'], fates = {}, brokenNodes, answers, ...spec }: Of): SimulatedWorld =>
  simulatedWorld({
    spec: { lists: [list(images)], ...spec },
    nodes: given,
    fates: { images: fates, evictions: 0, refusesMounts: false, ...(brokenNodes && { brokenNodes }) },
    ...(answers && { resolutions: answers }),
  });

/** The Jobs of a whole round, when all pulls take equally long. */
function jobsOf(on: SimulatedWorld): ReadonlyMap<string, string> {
  const made = new Map<string, string>();
  for (let turn = 0; turn < 400; turn += 1) {
    planAll(on);
    for (const { name, node: of } of on.jobs()) made.set(name, of);
    if (on.jobs().length === 0) return made;
    endJobs(on);
  }
  throw new Error('the round does not end');
}

const statesOf = (on: SimulatedWorld): Readonly<Record<string, number>> => {
  const groups = Map.groupBy(Object.values(on.live().status.nodes), ({ state }) => state);
  return Object.fromEntries([...groups].map(([state, each]) => [state, each.length]));
};

const missing = { 'app:1': 'missing' } as const;

describe('an image that its registry does not have', () => {
  it('costs a handful of Jobs on a thousand nodes, and fails on all', { timeout: 60_000 }, () => {
    const on = world({ nodes: manyNodes(1000), fates: missing, answers: absent });
    expect(jobsOf(on).size).toBeLessThanOrEqual(4);
    expect(statesOf(on)).toEqual({ Failed: 1000 });
    const { status } = on.live();
    expect(status).toMatchObject({ status: 'Failed', message: expect.stringContaining('Image pull failed') as string });
    expect(status.failures['app:1']).toHaveLength(20);
    expect(new Set(status.failures['app:1']?.map(({ reason }) => reason))).toEqual(new Set(['ErrImagePull']));
  });

  it('is not tried on nodes that have not begun when two kubelets have reported it', () => {
    const on = world({ nodes: manyNodes(30), fates: missing, maxConcurrentNodes: 3 });
    expect(new Set(jobsOf(on).values()).size).toBe(3);
    expect(statesOf(on)).toEqual({ Failed: 30 });
  });

  it('does not keep other images from any node', () => {
    const on = world({ nodes: manyNodes(30), images: ['app:1', 'base:2'], fates: missing, answers: absent });
    const jobs = jobsOf(on);
    expect(new Set(jobs.values()).size).toBe(30);
    expect(jobs.size).toBeLessThanOrEqual(32);
    expect(statesOf(on)).toEqual({ Failed: 30 });
    const failed = Object.values(on.live().status.nodes).map((entry) => failedOf(entry, 2));
    expect(failed.every((indexes) => indexes.join() === '0')).toBe(true);
  });

  it('still counts as present on nodes that hold it', () => {
    const [first, ...others] = manyNodes(30);
    const holder = node({ ...first, images: new Set([app]) });
    const on = world({ nodes: [holder, ...others], fates: missing, answers: absent });
    expect(jobsOf(on).size).toBeLessThanOrEqual(4);
    expect(statesOf(on)).toEqual({ Ready: 1, Failed: 29 });
  });

  it('is tried anew in the next round', () => {
    const on = world({ nodes: manyNodes(30), fates: missing, answers: absent });
    jobsOf(on);
    on.edit({ lists: [list(['app:1', 'base:2'])] });
    expect(jobsOf(on).size).toBeGreaterThan(30);
    expect(Object.values(on.live().status.nodes).filter(({ attempt }) => attempt === 2).length).toBeGreaterThan(0);
  });
});

describe('one that nodes can pull nevertheless', () => {
  it('is tried on two nodes first if its registry did not find it for us, then on all', () => {
    const on = world({ nodes: manyNodes(30), answers: absent });
    expect(planAll(on)).toHaveLength(2);
    expect(on.live().status.status).toBe('Processing');
    expect(jobsOf(on).size).toBe(30);
    expect(statesOf(on)).toEqual({ Ready: 30 });
  });

  it('does not wait longer than half a minute for these', () => {
    const on = world({ nodes: manyNodes(30), fates: { 'app:1': 'hangs' }, answers: absent });
    expect(planAll(on)).toHaveLength(2);
    on.wait(29_000);
    expect(planAll(on)).toHaveLength(2);
    on.wait(1000);
    expect(planAll(on)).toHaveLength(30);
  });

  it('is tried on all at once if the registry found it, or gave no answer', () => {
    expect(planAll(world({ nodes: manyNodes(30), answers: found }))).toHaveLength(30);
    expect(planAll(world({ nodes: manyNodes(30) }))).toHaveLength(30);
  });

  it('is tried on all if it fails on one node only, whose mirror may lack it', () => {
    const on = world({ nodes: manyNodes(30), brokenNodes: new Set([nodeName(0)]), maxConcurrentNodes: 1 });
    expect(new Set(jobsOf(on).values()).size).toBe(30);
    expect(statesOf(on)).toEqual({ Ready: 29, Failed: 1 });
  });

  it('is tried on all if two nodes fail and a third one pulls it', () => {
    const on = world({ nodes: manyNodes(30), brokenNodes: new Set([nodeName(0), nodeName(1)]), maxConcurrentNodes: 3 });
    planAll(on);
    endJobs(on, [nodeName(0), nodeName(1)]);
    planAll(on);
    expect(statesOf(on)).toEqual({ Failed: 27, Pulling: 3 });
    expect(on.live().status.status).toBe('Processing');
    jobsOf(on);
    expect(statesOf(on)).toEqual({ Ready: 28, Failed: 2 });
    expect(Object.values(on.live().status.failures).flat()).toHaveLength(2);
  });

  it('is tried on others when the nodes that reported it leave', () => {
    const on = world({ nodes: manyNodes(9), brokenNodes: new Set([nodeName(0), nodeName(1)]), maxConcurrentNodes: 2 });
    jobsOf(on);
    expect(statesOf(on)).toEqual({ Failed: 9 });
    on.setNode(nodeName(0), undefined);
    jobsOf(on);
    expect(statesOf(on)).toEqual({ Failed: 1, Ready: 7 });
  });
});

describe('after a round that an image failed', () => {
  it('few nodes try it first when those that reported it leave', () => {
    const on = world({ nodes: manyNodes(100), fates: missing, answers: absent });
    const before = jobsOf(on);
    on.wait(60_000);
    for (const name of new Set(before.values())) on.setNode(name, undefined);
    expect(jobsOf(on).size).toBeLessThanOrEqual(4);
    expect(statesOf(on)).toEqual({ Failed: 98 });
  });

  it('a node that joins tries it, and all others do once it has been pushed', () => {
    const fates: Record<string, ImageFate> = { 'app:1': 'missing' };
    const on = world({ nodes: manyNodes(30), fates, answers: absent });
    jobsOf(on);
    on.wait(60_000);
    on.setNode('late-1', node({ name: 'late-1', id: 'id-late-1' }));
    jobsOf(on);
    expect(statesOf(on)).toEqual({ Failed: 31 });
    fates['app:1'] = 'comes';
    on.setNode('late-2', node({ name: 'late-2', id: 'id-late-2' }));
    jobsOf(on);
    expect(on.live().status.nodes['late-2']?.state).toBe('Ready');
    expect(statesOf(on)['Failed']).toBeLessThanOrEqual(3);
  });
});

it('a rollout holds nodes instead, which keep what they have', () => {
  const rollout = { canaryNodes: 2, growth: 2, topologyKey: '', maxFailedNodes: 0, pauseSeconds: 0 };
  const on = world({ nodes: manyNodes(30), fates: missing, answers: absent, rollout });
  expect(jobsOf(on).size).toBe(4);
  expect(statesOf(on)).toEqual({ Failed: 2, Held: 28 });
});

describe('what a kubelet says of an image that is not there', () => {
  const image = 'registry.example/not found/token:1';
  const said = (message: string): boolean => isNotFound({ reason: 'ErrImagePull', message }, image);

  it.each([
    `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`,
    'initializing source docker://registry.example/app:1: reading manifest 1 in registry.example/app: manifest unknown',
    'name unknown: repository name not known to registry',
  ])('%s', (message) => expect(said(message)).toBe(true));

  it.each([
    'pull access denied, repository does not exist or may require authorization: server message: not found',
    'failed to authorize: failed to fetch anonymous token: unexpected status: 404 Not Found',
    'no match for platform in manifest: not found',
    'dial tcp: lookup registry.example: no such host',
    `failed to resolve "${image}": 500 Internal Server Error`,
    '429 Too Many Requests',
  ])('but not %s', (message) => expect(said(message)).toBe(false));
});
