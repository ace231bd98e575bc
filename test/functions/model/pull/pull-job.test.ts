import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelsOfKubeFledged } from '#model/cache/api.ts';
import { toPull } from '#model/cache/image-states.ts';
import type { Spec } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import { pullJob, type PullJob } from '#model/pull/pull-job.ts';
import { jobName, jobSet } from '#model/pull/attempt.ts';
import type { Settings } from '#model/cache/settings.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import { cache, list, modernNode, node, noon, openCache, pulling, settings, spec } from '../builders.ts';
import { copyingJob, mountingJob } from './pull-job-manifests.ts';

type Of = {
  readonly spec?: Partial<Spec>;
  readonly settings?: Partial<Settings>;
  readonly on?: Node;
  readonly entry?: Partial<LedgerEntry>;
  readonly indexes?: readonly number[];
};

function ordered(of: Of = {}): PullJob {
  const live = openCache({}, { spec: spec({ lists: [list(['app:1', 'base'])], ...of.spec }) });
  const on = of.on ?? node();
  const given = settings(of.settings);
  const desired = desiredImagesOf(live, [0], given);
  const entry = pulling({ id: on.id, desiredHash: desired.hash, ...of.entry });
  const indexes = of.indexes ?? desired.images.map((_, index) => index);
  return pullJob({ cache: live, node: on, entry, desired, indexes, settings: given, runAsUser: 65_532, now: noon });
}

const podOf = (of: Of = {}) => ordered(of).spec?.template.spec;
const metadataOf = (of: Of = {}) => ordered(of).spec?.template.metadata;

describe('a pull Job', () => {
  it('starts a copied no-op in each image where images can not be mounted', () => {
    expect(ordered()).toEqual(copyingJob(ordered().metadata.name));
  });

  it('mounts each image in a container of its own where that can be done', () => {
    expect(ordered({ on: modernNode() })).toEqual(mountingJob(ordered({ on: modernNode() }).metadata.name));
  });

  it('copies where mounting was refused', () => {
    expect(podOf({ on: modernNode(), entry: { copiesNoop: true } })?.initContainers).toHaveLength(1);
  });

  it('pulls the images of its batch only, in containers that keep their index', () => {
    expect(podOf({ indexes: [1] })?.containers.map(({ name, image }) => [name, image])).toEqual([['image-1', 'base']]);
  });

  it.each([
    { when: 'copying', on: node() },
    { when: 'mounting', on: modernNode() },
  ])('is clean under restricted PodSecurity when $when', ({ on }) => {
    const pod = podOf({ on });
    expect(pod?.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(pod?.securityContext?.runAsUser).toBeGreaterThan(0);
    for (const { securityContext, resources } of [...(pod?.initContainers ?? []), ...(pod?.containers ?? [])]) {
      expect(securityContext).toMatchObject({ allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } });
      expect(resources).toMatchObject({ limits: { memory: '32Mi' }, requests: { memory: '1Mi' } });
    }
    expect([pod?.hostNetwork, pod?.hostPID, pod?.hostIPC]).toEqual([undefined, undefined, undefined]);
    for (const volume of pod?.volumes ?? []) expect(volume.hostPath).toBeUndefined();
  });

  it("takes service account and priority from the cache before the operator's, and '' as none", () => {
    const operators = { serviceAccountName: 'operators', jobPriorityClassName: 'low' };
    expect(podOf({ settings: operators })).toMatchObject({ serviceAccountName: 'operators', priorityClassName: 'low' });
    const own = { serviceAccountName: 'own', priorityClassName: '' };
    expect(podOf({ settings: operators, spec: own })?.serviceAccountName).toBe('own');
    expect(podOf({ settings: operators, spec: own })).not.toHaveProperty('priorityClassName');
  });

  it('tolerates every taint unless tolerations are set', () => {
    expect(podOf()?.tolerations).toEqual([{ operator: 'Exists' }]);
    const cordon = { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' };
    expect(podOf({ spec: { tolerations: [] } })?.tolerations).toEqual([cordon]);
    expect(podOf({ spec: { tolerations: [{ key: 'gpu' }] } })?.tolerations).toEqual([{ key: 'gpu' }, cordon]);
    expect(podOf({ spec: { tolerations: [], unschedulable: 'Skip' } })?.tolerations).toEqual([]);
  });

  it("carries the user's labels and annotations, which can not hide whose it is, nor let sidecars in", () => {
    const podMetadata = {
      labels: { team: 'a', kubefledged: 'x', 'kubefledged.io/cache-uid': 'x' },
      annotations: { note: 'b', 'linkerd.io/inject': 'enabled', 'kubefledged.io/round': '9' },
    };
    const plain = metadataOf();
    const told = metadataOf({ spec: { podMetadata } });
    expect(told?.labels).toEqual({ ...plain?.labels, team: 'a' });
    expect(told?.annotations).toEqual({ ...plain?.annotations, note: 'b' });
  });

  it.each([
    ['web', 'web'],
    [`${'a'.repeat(62)}.b`, 'a'.repeat(62)],
  ])('of the cache %s has the label imagecache=%s, as kube-fledged’s, which its users may replace', (name, value) => {
    expect(labelsOfKubeFledged(name)).toEqual({ imagecache: value, controller: 'fledged' });
    const podMetadata = { labels: { controller: 'theirs' }, annotations: {} };
    expect(metadataOf({ spec: { podMetadata } })?.labels?.['controller']).toBe('theirs');
  });

  it('has a deadline of its own only well behind the one that is kept for it', () => {
    expect(ordered({ indexes: [0] }).spec?.activeDeadlineSeconds).toBe(3600 + 2 * 300);
    expect(ordered({ spec: { pullDeadlineSeconds: 1000 } }).spec?.activeDeadlineSeconds).toBe(3600 + 2 * 2000);
    expect(ordered({ settings: { imagePullDeadline: 0 } }).spec?.activeDeadlineSeconds).toBe(2_592_000);
  });
});

describe('the name of a Job', () => {
  const dnsLabel = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
  const part = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$/);
  const subdomain = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join('.').slice(0, 253));
  const validSubdomain = subdomain.filter((name) => /[a-z0-9]$/.test(name));

  it('is a DNS label with room for what a Pod adds, whatever the cache is called', () => {
    fc.assert(
      fc.property(validSubdomain, fc.nat(), fc.nat({ max: 3 }), (name, number, attempt) => {
        const live = openCache({}, { name });
        const numbered = { ...live, status: { ...live.status, round: { ...roundOf(live), number } } };
        const made = jobName(numbered, pulling({ attempt }), [0]);
        expect(made).toMatch(dnsLabel);
        expect(made.length + '-abcde'.length).toBeLessThanOrEqual(63);
      }),
    );
  });

  const live = openCache({});
  const other = (of: Partial<LedgerEntry>) => jobName(live, pulling(of), [0, 1]);
  it.each([
    ['the attempt', other({ attempt: 2 })],
    ['the machine', other({ id: 'b2b2b2b2' })],
    ['what it must hold', other({ desiredHash: 'ffffffff' })],
    ['the way', other({ copiesNoop: true })],
    ['the images', jobName(live, pulling(), [0])],
    ['the cache made anew', jobName({ ...live, uid: 'another' }, pulling(), [0, 1])],
    [
      'the round',
      jobName({ ...live, status: { ...live.status, round: { ...roundOf(live), number: 2 } } }, pulling(), [0, 1]),
    ],
  ])('changes with %s', (_, name) => {
    expect(name).not.toBe(jobName(live, pulling(), [0, 1]));
  });

  it('is the same if another process makes it', () => {
    expect(jobName(live, pulling({ state: 'Pending', images: 'pr' }), [0, 1])).toBe(jobName(live, pulling(), [0, 1]));
  });
});

const roundOf = ({ status }: ReturnType<typeof openCache>) => {
  if (status.round === undefined) throw new Error('the cache has no round');
  return status.round;
};

describe('the Jobs of an attempt', () => {
  const images = Array.from({ length: 70 }, (_, index) => `app:${String(index).padStart(2, '0')}`);
  const sizes = (entry: Partial<LedgerEntry>, pullsPerNode = 1, imagesPerJob = 32) => {
    const live = cache({ spec: spec({ lists: [list(images)], pullsPerNode }) });
    const given = settings({ imagesPerJob });
    return jobSet({ cache: live, entry: pulling(entry), desired: desiredImagesOf(live, [0], given), settings: given });
  };

  it.each([
    { when: 'all images', entry: {}, is: [32, 32, 6] },
    { when: 'three pulls at once', entry: {}, pulls: 3, is: [24, 24, 22] },
    { when: 'more pulls than batches', entry: {}, pulls: 100, is: images.map(() => 1) },
    { when: 'small batches', entry: {}, perJob: 50, is: [50, 20] },
    { when: 'some images left', entry: { images: 'pppwpwp' }, is: [2] },
    { when: 'some images left, singly', entry: { images: 'pppwpwp', oneImagePerJob: true }, is: [1, 1] },
  ])('with $when have $is images', ({ entry, pulls, perJob, is }) => {
    expect(sizes(entry, pulls, perJob).map(({ length }) => length)).toEqual(is);
  });

  it('pull each image once, in order', () => {
    fc.assert(
      fc.property(
        fc.subarray([...Array(70).keys()], { minLength: 1 }),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        (todo, pulls, singly) => {
          expect(sizes({ ...toPull(pulling(), todo, 70), oneImagePerJob: singly }, pulls).flat()).toEqual(todo);
        },
      ),
    );
  });
});
