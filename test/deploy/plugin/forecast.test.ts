import { describe, expect, it } from 'vitest';
import { nothingFound, withFound } from '#model/cache/found-images.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { decide } from '#model/decide.ts';
import type { Node } from '#model/node/node.ts';
import type { Settings } from '#model/cache/settings.ts';
import { type Forecast, forecast } from '../../../deploy/plugin/plan/forecast.ts';
import { forecastLines } from '../../../deploy/plugin/plan/forecast-lines.ts';
import {
  cache,
  list,
  node,
  noon,
  observed,
  openCache,
  pulling,
  settings,
  spec,
  world,
} from '../../functions/model/builders.ts';

const holding = (name: string, images: readonly string[], of: Partial<Node> = {}): Node =>
  node({ name, id: `id-of-${name}`, images: new Set(images.map((image) => `docker.io/library/${image}`)), ...of });

type Given = {
  readonly nodes: readonly Node[];
  readonly others?: readonly ImageCache[];
  readonly free?: ReadonlyMap<string, number>;
  readonly settings?: Partial<Settings>;
};

/** What applying `before` as it is now would do: its status is that of an earlier spec. */
function planned(before: ImageCache, given: Given): Forecast {
  const used = settings(given.settings);
  const opens = ['Spec', 'Adopted', 'Annotation', 'Schedule', 'Purge'] as const;
  const seen = observed({ nodeList: given.nodes });
  const plan = decide(world({ before, observed: seen, opens, settings: used, now: noon }));
  const sizes = new Map(
    ['app:1', 'base:2', 'new:3'].map((image, index) => [`docker.io/library/${image}`, (index + 1) * 1e6]),
  );
  const { others = [], free = new Map<string, number>() } = given;
  return forecast({ cache: before, isNew: false, plan, nodes: given.nodes, sizes, settings: used, others, free });
}

/** A cache of app:1 and base:2 that was edited to base:2 and new:3, with node-1 Ready. */
const edited = (of: Parameters<typeof spec>[0] = {}, status: Partial<ImageCache['status']> = {}): ImageCache => {
  const open = openCache({ 'node-1': pulling({ id: 'id-of-node-1', state: 'Ready' }) });
  const placements = [{ ...list(['app:1', 'base:2']), sinceGeneration: 1, lists: [0] }];
  const done = { status: 'Succeeded', completionTime: noon, placements } as const;
  return {
    ...open,
    generation: 2,
    spec: spec({ lists: [list(['base:2', 'new:3'])], ...of }),
    status: { ...open.status, ...done, ...status },
  };
};
const node1 = holding('node-1', ['app:1', 'base:2']);

describe('a plan shows everything that will happen:', () => {
  it('removals by node and image, with their bytes', () => {
    const plan = planned(edited(), { nodes: [node1] });
    expect(plan.nodes).toMatchObject([{ name: 'node-1', pull: ['new:3'], keep: ['base:2'], remove: ['app:1'] }]);
    expect(plan.bytes).toEqual({ known: 3e6, unknownPulls: 0, removed: 1e6, unknownRemovals: 0 });
    const lines = forecastLines(plan, false);
    expect(lines).toContain('1 pull, 3.0 MB');
    expect(lines).toContain('1 removal, 1.0 MB, unless a container uses the image');
    expect(lines).toContainEqual(expect.stringMatching(/^ +0 +0 +0 +1 +1\.0 MB +app:1$/));
  });

  it('a node that has its images and is no longer Ready', () => {
    const ready = edited({ lists: [list(['app:1', 'base:2'])] });
    const plan = planned(ready, { nodes: [holding('node-1', ['app:1', 'base:2'], { isReady: false })] });
    expect(plan.nodes).toMatchObject([{ name: 'node-1', state: 'Skipped', reason: 'NotReady' }]);
    expect(forecastLines(plan, false)).toContainEqual(expect.stringMatching(/node-1 +skipped: NotReady$/));
  });

  it('removals from nodes that leave the selector', () => {
    const left = edited({ lists: [list(['app:1', 'base:2'], { nodeSelector: { pool: 'a' } })] });
    const plan = planned(left, { nodes: [node1] });
    expect(plan.nodes).toMatchObject([{ name: 'node-1', state: 'NotSelected', remove: ['app:1', 'base:2'] }]);
    expect(forecastLines(plan, false)).toContainEqual(expect.stringMatching(/node-1 +no longer selected$/));
  });

  it('images that another cache wants are not removed, and whose they are', () => {
    const other = cache({ namespace: 'shop', name: 'cart', spec: spec({ lists: [list(['app:1'])] }) });
    const plan = planned(edited(), { nodes: [node1], others: [other] });
    expect(plan.nodes[0]).toMatchObject({ remove: [], spare: [{ image: 'app:1', by: ['shop/cart'] }] });
    expect(forecastLines(plan, false)).toContain('1 image not removed: wanted by shop/cart');
  });

  it('the open round that it supersedes', () => {
    const plan = planned(edited({}, { status: 'Processing', completionTime: undefined }), { nodes: [node1] });
    expect(plan).toMatchObject({ round: { operation: 'Update' }, supersedes: { number: 1, operation: 'Create' } });
    expect(forecastLines(plan, false)).toContain('supersedes round 1, Create');
    expect(planned(edited(), { nodes: [node1] }).supersedes).toBeUndefined();
  });

  it('how many images workloads name, and how many are only kept', () => {
    const selector = { matchLabels: {}, matchExpressions: [] };
    const imagesFrom = { kinds: ['Deployment'], selector, nodes: 'Selected', keepSeconds: 60 } as const;
    const image = { workloads: [], unnamedSince: undefined };
    const images = [
      { ...image, image: 'app:1', workloadCount: 2 },
      { ...image, image: 'base:2', workloadCount: 0 },
    ];
    const found = { ...nothingFound, lists: [{ list: 0, listHash: '', pods: undefined, images }] };
    const finding = cache({ spec: spec({ lists: [list([], { imagesFrom })] }) });
    const plan = planned(withFound(finding, found), { nodes: [node1] });
    expect(plan.workloadImages).toEqual({ named: 1, kept: 1 });
    expect(forecastLines(plan, false)).toContain('workloads name 1 image; 1 image kept that none names any more');
    expect(planned(edited(), { nodes: [node1] })).not.toHaveProperty('workloadImages');
  });

  it('the waves of a rollout', () => {
    const rollout = { canaryNodes: 1, growth: 2, topologyKey: '', maxFailedNodes: '10%', pauseSeconds: 0 };
    const nodes = Array.from({ length: 11 }, (_, index) => holding(`node-${index}`, []));
    const plan = planned(cache({ spec: spec({ lists: [list(['app:1'])], rollout }) }), { nodes });
    expect(plan.waves).toEqual([1, 2, 6, 2]);
    expect(forecastLines(plan, false)).toContain('waves: 1, 2, 6, 2 nodes');
  });

  it('how many manifests a registry with a budget gives, and how long that takes', () => {
    const nodes = Array.from({ length: 200 }, (_, index) => holding(`node-${index}`, []));
    const lists = [list(['app:1', 'other.example/app:1'])];
    const settings = { registryBudgets: { 'docker.io': { pullsPerHour: 80 }, 'unused.example': { pullsPerHour: 1 } } };
    const plan = planned(cache({ spec: spec({ lists }) }), { nodes, settings });
    expect(plan.budgets).toEqual([{ registry: 'docker.io', pulls: 200, hours: 3 }]);
    expect(forecastLines(plan, false)).toContain('200 manifests from docker.io: 3 hours at least with its budget');
    const few = planned(cache({ spec: spec({ lists }) }), { nodes: nodes.slice(0, 9), settings });
    expect(forecastLines(few, false)).toContain('9 manifests from docker.io: within its budget');
  });

  it('the registries that are asked', () => {
    const moving = cache({ spec: spec({ lists: [list(['r.example:5000/app', 'other.example/app:1'])] }) });
    const plan = planned(moving, { nodes: [node1] });
    expect(plan.registries).toEqual(['r.example:5000']);
    expect(forecastLines(plan, false)).toContain('registries asked: r.example:5000');
  });

  it('the warm gate, and that it has no effect if the operator does not allow it', () => {
    const gated = edited({ warmGate: { taintKey: 'cold', timeoutSeconds: 60 } });
    const tainted = holding('node-1', ['app:1'], { taints: [{ key: 'cold', value: '', effect: 'NoSchedule' }] });
    const plan = planned(gated, { nodes: [tainted], settings: { warmGateTaints: ['cold'] } });
    expect(plan.gate).toEqual({ taintKey: 'cold', isEnabled: true, nodes: ['node-1'] });
    expect(forecastLines(plan, false)).toContain(
      'warm gate: nodes keep the taint cold until they are ready; 1 node with it now',
    );
    expect(forecastLines(planned(gated, { nodes: [tainted] }), false)).toContain(
      'the warm gate has no effect: WARM_GATE_TAINTS does not include cold',
    );
  });

  it('what a node lacks on disk after it', () => {
    const plan = planned(edited(), { nodes: [node1], free: new Map([['node-1', 5e5]]) });
    expect(plan.nodes[0]).toMatchObject({ freeBytes: 5e5, freeBytesAfter: 5e5 - 3e6 + 1e6 });
    expect(forecastLines(plan, false)).toContain('node-1 lacks 1.5 MB of disk for it');
    const roomy = planned(edited(), { nodes: [node1], free: new Map([['node-1', 9e9]]) });
    expect(forecastLines(roomy, false)).toContainEqual(expect.stringMatching(/^PULL +CHECK +KEEP +REMOVE +FREE +NODE/));
  });
});
