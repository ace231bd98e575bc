import { expect, it } from 'vitest';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { noUse } from '#model/cache/registry-use.ts';
import type { Settings } from '#model/cache/settings.ts';
import { decide } from '#model/decide.ts';
import { withRefusedJobs } from '#model/report/reported-status.ts';
import { explanation } from '../../../deploy/plugin/explain/explanation.ts';
import type { Explained } from '../../../deploy/plugin/explain/step.ts';
import {
  cache,
  list,
  node,
  noon,
  openCache,
  pod,
  pulling,
  settings,
  spec,
  unlimited,
  waiting,
  world,
} from '../../functions/model/builders.ts';

const lists = [list(['app:1', 'base:2'], { nodeSelector: { pool: 'a' } })];
const selector = { matchLabels: {}, matchExpressions: [] };
const finding = list([], { imagesFrom: { kinds: ['Deployment'], selector, nodes: 'AsPods', keepSeconds: 60 } });
const on = { pool: 'a' };
const rollout = { canaryNodes: 1, growth: 2, topologyKey: '', maxFailedNodes: '10%', pauseSeconds: 0 };
const open = (of: Parameters<typeof pulling>[0], more: Partial<ImageCache> = {}): ImageCache =>
  openCache({ 'node-1': pulling(of, cache({ spec: spec({ lists }) })) }, { spec: spec({ lists }), ...more });
const refused = (given: ImageCache): ImageCache => ({
  ...given,
  status: withRefusedJobs(given, 'exceeded quota', noon) ?? given.status,
});
/** The cache as the functions leave it if it exceeds a limit. */
function limited(given: ImageCache): ImageCache {
  const limits = { ...unlimited, images: 1 };
  const { status } = decide(world({ before: given, settings: settings({ limits }) }));
  return { ...given, status: status ?? given.status };
}
const unreachable = 'failed to pull "app:1": dial tcp: connection refused';

const forbidden = { node: 'node-1', reason: 'FailedCreate', message: 'exceeded quota' };
/** A node with the startup taint of a cache whose image it does not have. */
function gated(of: Partial<Settings>): Partial<Explained> {
  const gate = spec({ lists, warmGate: { taintKey: 'example.com/cold', timeoutSeconds: 600 } });
  const taints = [{ key: 'example.com/cold', value: '', effect: 'NoSchedule' }];
  return { cache: open({}, { spec: gate }), node: node({ labels: on, taints }), settings: settings(of) };
}

const rows: readonly { when: string; given: Partial<Explained>; last: string }[] = [
  {
    when: 'the cache is suspended',
    given: { cache: cache({ spec: spec({ suspend: true }) }) },
    last: 'fails spec.suspend',
  },
  {
    when: 'the cache exceeds a limit',
    given: { cache: limited(open({})) },
    last: 'fails the cache is not served. Refused: spec.cacheSpec lists 2 images, and MAX_IMAGES allows 1',
  },
  {
    when: 'no list selects it',
    given: { node: node() },
    last: 'fails spec.cacheSpec[0] does not select it: pool is not set, not a',
  },
  {
    when: 'the Pods of workloads do not tolerate its taint',
    given: {
      cache: cache({ spec: spec({ lists: [finding, { ...list(['app:1']), tolerations: [], isFound: true }] }) }),
      node: node({ taints: [{ key: 'gpu', value: '', effect: 'NoSchedule' }] }),
    },
    last: 'fails imagesFrom does not select it: the Pods do not tolerate the taint gpu:NoSchedule',
  },
  {
    when: 'no workload names an image',
    given: { cache: cache({ spec: spec({ lists: [finding] }) }) },
    last: 'fails no workload names an image',
  },
  {
    when: 'it is not Ready',
    given: { node: node({ labels: on, isReady: false }) },
    last: 'holds the node is skipped, NotReady',
  },
  {
    when: 'it had its images and is no longer Ready',
    given: { node: node({ labels: on, isReady: false }), cache: open({ state: 'Ready', reason: 'NotReady' }) },
    last: 'holds the node is skipped, NotReady: it had all images, and counts again as soon as its kubelet is Ready',
  },
  {
    when: 'nothing has observed the cache',
    given: { cache: cache({ spec: spec({ lists }) }) },
    last: 'holds no function has observed',
  },
  {
    when: 'an edit is not observed',
    given: { cache: { ...open({}), generation: 2 } },
    last: 'holds the latest spec is not observed yet',
  },
  {
    when: 'another machine had its name',
    given: { cache: open({ id: 'other' }) },
    last: 'holds the status does not have the node yet',
  },
  {
    when: 'it waits for Pods of other caches',
    given: { cache: open({ state: 'Pending', attempt: 0, reason: 'NodeBusy' }) },
    last: 'holds it waits, NodeBusy: other caches have as many pull Pods on the node as may be there at once',
  },
  {
    when: 'it waits for a removal',
    given: { cache: open({ state: 'Pending', attempt: 0, reason: 'RemovalInProgress' }) },
    last: 'holds it waits, RemovalInProgress: another cache removes an image of it from the node',
  },
  {
    when: 'it waits for its turn',
    given: {
      cache: {
        ...open({ state: 'Pending', attempt: 0 }, { spec: spec({ lists, maxConcurrentNodes: 1 }) }),
        status: openCache(
          {
            'node-1': pulling({ state: 'Pending', attempt: 0 }, cache({ spec: spec({ lists }) })),
            'node-2': pulling({ id: 'b' }, cache({ spec: spec({ lists }) })),
          },
          { spec: spec({ lists }) },
        ).status,
      },
    },
    last: 'holds it waits for its turn: 1 node pull',
  },
  {
    when: 'it waits for its wave',
    given: {
      cache: {
        ...open({ state: 'Pending', attempt: 0 }, { spec: spec({ lists, rollout }) }),
        status: openCache(
          {
            'node-1': pulling({ state: 'Pending', attempt: 0 }, cache({ spec: spec({ lists }) })),
            'node-2': pulling({ id: 'b' }, cache({ spec: spec({ lists }) })),
          },
          { spec: spec({ lists }) },
        ).status,
      },
    },
    last: 'holds it waits for its wave. Wave 1 of 2: 0 of 2 nodes have pulled',
  },
  {
    when: 'two nodes try its images first',
    given: {
      cache: {
        ...open({ state: 'Pending', attempt: 0 }),
        status: {
          ...openCache(
            {
              'node-1': pulling({ state: 'Pending', attempt: 0 }, cache({ spec: spec({ lists }) })),
              'node-2': pulling({ id: 'b' }, cache({ spec: spec({ lists }) })),
              'node-3': pulling({ id: 'c' }, cache({ spec: spec({ lists }) })),
            },
            { spec: spec({ lists }) },
          ).status,
          absentImages: ['app:1'],
          startTime: noon,
        },
      },
    },
    last: 'holds it waits while two nodes try an image first that the registry did not find for us',
  },
  {
    when: 'it waits for a registry',
    given: {
      cache: {
        ...open({ state: 'Pending', reason: 'RegistryRests' }),
        status: {
          ...open({ state: 'Pending', reason: 'RegistryRests' }).status,
          registries: { 'docker.io': { ...noUse, ...{ restsUntil: noon, restSeconds: 300, waitsUntil: noon } } },
        },
      },
    },
    last: 'holds it waits, RegistryRests: 1 node waits for docker.io until 12:00',
  },
  {
    when: 'others found that an image does not exist',
    given: { cache: open({ attempt: 0, images: 'aw' }) },
    last: 'fails app:1 is not tried here in this round: other nodes report that the registry does not have it',
  },
  {
    when: 'its rollout stopped',
    given: { cache: open({ state: 'Held', attempt: 0, reason: 'RolloutStopped' }) },
    last: 'holds no refresh is scheduled; at once: kubectl imagecache refresh web -n apps',
  },
  {
    when: 'a quota forbids its Job',
    given: { cache: refused(open({})), pods: [] },
    last: 'fails Jobs cannot be created now, and are retried: exceeded quota',
  },
  {
    when: 'its Pod cannot be scheduled',
    given: { cache: open({}), pods: [pod({ startedAt: undefined, unschedulable: '0/3 nodes are available' })] },
    last: 'holds attempt 1 has begun: Pod apps/web-1-abcde, created 0s ago, has not started: 0/3 nodes are available',
  },
  {
    when: 'the kubelet fails and tries again',
    given: {
      cache: open({ images: 'ew', failingUntil: noon + 300_000 }),
      pods: [pod({ containers: [waiting(0, 'ErrImagePull', unreachable)] })],
    },
    last: 'holds the kubelet tries again by itself, until 2026-11-24T12:05:00Z',
  },
  {
    when: 'a quota forbids its Pod',
    given: {
      cache: {
        ...open({ images: 'e', failingUntil: noon + 300_000 }),
        status: {
          ...open({ images: 'e', failingUntil: noon + 300_000 }).status,
          failures: { 'app:1': [forbidden], 'base:2': [forbidden] },
        },
      },
    },
    last: 'holds the Job controller tries again by itself, until 2026-11-24T12:05:00Z',
  },
  {
    when: 'the warm gate holds it',
    given: gated({ warmGateTaints: ['example.com/cold'] }),
    last: 'holds the warm gate keeps the taint example.com/cold on it until the images are there, at most until 2026-11-24T12:10:00Z',
  },
  {
    when: 'its startup taint is none that may be removed',
    given: gated({}),
    last: 'fails it keeps the taint example.com/cold: spec.warmGate has no effect: WARM_GATE_TAINTS does not include',
  },
  {
    when: 'it has lost an image',
    given: {
      cache: open({ state: 'Ready' }),
      node: node({ labels: on, images: new Set(['docker.io/library/base:2']) }),
    },
    last: 'fails app:1: ImageLost: the node lists it no longer; it is pulled again within a minute',
  },
  {
    when: 'it keeps losing images',
    given: { cache: open({ state: 'Failed', images: 'fp', lostAt: noon - 600_000, losses: 3 }) },
    last: 'holds it is pulled again in 50m, or at once: kubectl imagecache refresh web -n apps',
  },
  {
    when: 'it has everything, under pressure',
    given: { cache: open({ state: 'Ready' }), node: node({ labels: on, hasDiskPressure: true }) },
    last: 'ok all images are on the node',
  },
  { when: 'it has everything', given: { cache: open({ state: 'Ready' }) }, last: 'ok all images are on the node' },
];

it.each(rows)('explain says why if $when', ({ given, last }) => {
  const input = {
    cache: open({}),
    name: 'node-1',
    node: node({ labels: on }),
    pods: [],
    settings: settings(),
    now: noon,
  };
  const { steps, isReady } = explanation({ ...input, ...given });
  const { verdict, text } = steps.at(-1) ?? {};
  expect(`${verdict ?? ''} ${text ?? ''}`.slice(0, last.length)).toBe(last);
  expect(isReady).toBe(last.startsWith('ok'));
});

it.each([
  ['its canary failed', 1, 1, 0],
  ['all 2 canaries failed', 2, 2, 0],
  ['3 nodes failed, and 2 may', 1, 3, 4],
])('explain says why a rollout stopped: %s', (why, canaryNodes, failed, ready) => {
  const rollout = { canaryNodes, growth: 2, topologyKey: '', maxFailedNodes: 2, pauseSeconds: 0 };
  const given = spec({ lists, rollout });
  const states = [...Array<'Failed'>(failed).fill('Failed'), ...Array<'Ready'>(ready).fill('Ready')];
  const others = states.map((state, index): [string, LedgerEntry] => [
    `other-${index}`,
    pulling({ state, images: state === 'Failed' ? 'f' : 'p' }, cache({ spec: given })),
  ]);
  const held = pulling({ state: 'Held', attempt: 0, reason: 'RolloutStopped' }, cache({ spec: given }));
  const nodes = { ...Object.fromEntries(others), 'node-1': held };
  const input = { name: 'node-1', node: node({ labels: on }), pods: [], settings: settings(), now: noon };
  const { steps } = explanation({ ...input, cache: openCache(nodes, { spec: given }) });
  expect(steps.map(({ text }) => text)).toContain(
    `its rollout stopped before it began, because ${why}: it keeps what it has`,
  );
});

it('explain quotes the kubelet', () => {
  const pods = [pod({ containers: [waiting(0, 'ErrImagePull', unreachable)] })];
  const input = { name: 'node-1', node: node({ labels: on }), pods, settings: settings(), now: noon };
  const { steps } = explanation({ ...input, cache: open({ images: 'ew' }) });
  expect(steps.map(({ text }) => text)).toContain(`app:1: ErrImagePull: ${unreachable}`);
});
