import { decide } from '#model/decide.ts';
import type { ImageCache, Spec, Status } from '#model/cache/image-cache.ts';
import type { Node } from '#model/node/node.ts';
import { type Observed, noObservedRemovals } from '#model/observed.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { restedRegistries } from '#model/desired/images-to-ask-about.ts';
import { isEmpty, type Plan } from '#model/plan.ts';
import type { JobView } from '#model/job/job.ts';
import type { World } from '#model/world.ts';
import type { Settings } from '#model/cache/settings.ts';
import { serializeStatus } from '#model/status/serialize-status.ts';
import { cache, node, noon, settings, spec as anySpec } from './builders.ts';
import { assertClaimed, assertLawful, assertWithinSurge, claimsOf } from './lawful.ts';
import { jobOf, podOf, simulatedJob, type Fates, type SimulatedJob } from './simulated-pod.ts';

export type Start = {
  readonly spec?: Partial<Spec>;
  readonly nodes: readonly Node[];
  readonly fates: Fates;
  readonly settings?: Partial<Settings>;
  /** What other caches have used of registries now. */
  readonly otherRegistryUse?: () => World['otherRegistryUse'];
  /** What registries answer when a round opens. */
  readonly resolutions?: World['resolutions'];
  /** What they say of their limits when they are asked: then, and when one has rested. */
  readonly limits?: () => World['resolutions'];
};

/** A decision on observed objects that is still to be carried out. */
export type Prepared = { readonly cache: ImageCache; readonly plan: Plan };

/** All nodes, as at a tick; or a node that changed or whose Job changed, as after an event. */
export type Look = 'everything' | { readonly node: string };

export type SimulatedWorld = ReturnType<typeof simulatedWorld>;

/**
 * A minimal cluster: nodes, one cache, its Jobs and their results, and a status that is stored as by an API server,
 * with sorted keys and optimistic locking. Every decision and write is checked against the laws that need no second run.
 */
export function simulatedWorld(start: Start) {
  const { fates } = start;
  const given = settings(start.settings);
  const nodes = new Map(start.nodes.map((node) => [node.name, node]));
  const machines = new Map(start.nodes.map(({ name, id }) => [name, id]));
  const jobs = new Map<string, SimulatedJob>();
  const takenAway = new Map<string, string>();
  const claims = new Set<string>();
  let live = cache({ spec: anySpec(start.spec) });
  let now = noon;
  let made = 0;

  const viewOf = (job: SimulatedJob): JobView => ({ job: jobOf(job), pod: podOf(job, fates) });

  function everything(): Observed {
    return {
      nodes: new Map(nodes),
      hasAllNodes: true,
      jobs: new Map([...jobs].map(([name, job]) => [name, viewOf(job)])),
      hasAllJobs: true,
      goneJobs: new Set(),
      removals: noObservedRemovals,
      runAsUser: 65_532,
    };
  }

  function around(name: string): Observed {
    const entry = live.status.nodes[name];
    const waiting = Object.entries(live.status.nodes).filter(([, { state }]) => state === 'Pending');
    const seen = [...jobs].filter(([, job]) => job.nodeId === entry?.id);
    const gone = [...takenAway].filter(([job, node]) => node === name && !jobs.has(job));
    return {
      nodes: new Map([name, ...waiting.map(([other]) => other)].map((each) => [each, nodes.get(each)])),
      hasAllNodes: false,
      jobs: new Map(seen.map(([job, simulated]) => [job, viewOf(simulated)])),
      hasAllJobs: false,
      goneJobs: new Set(gone.map(([job]) => job)),
      removals: noObservedRemovals,
      runAsUser: 65_532,
    };
  }

  /** Decides like a function that starts rounds for a new generation. After an event of a node it observes all nodes only if a round is due. */
  function look(at: Look): Prepared {
    const isDue = live.status.observedGeneration !== live.generation;
    const observed = at === 'everything' || isDue ? everything() : around(at.node);
    const world = {
      before: live,
      observed,
      settings: given,
      otherPulls: new Map<string, never>(),
      otherRegistryUse: start.otherRegistryUse?.() ?? new Map<string, never>(),
      scheduled: undefined,
      resolutions: new Map([
        ...(isDue ? (start.resolutions ?? []) : []),
        ...(isDue || restedRegistries(live, now).length > 0 ? (start.limits?.() ?? []) : []),
      ]),
      anonymousPulls: new Map(),
      now,
      opens: ['Spec', 'Adopted'],
      makes: 'pulls',
    } as const;
    const plan = decide(world);
    assertLawful(world, plan);
    return { cache: live, plan };
  }

  /** Carries out a plan in order, or its first `writes` writes, like a process that is killed after them. */
  function carryOut({ cache: seen, plan }: Prepared, writes = Infinity): void {
    if (plan.status !== undefined && seen.resourceVersion !== live.resourceVersion) return;
    let left = writes;
    if (plan.status !== undefined && left-- > 0) store(plan.status);
    for (const manifest of plan.createJobs) {
      if (left-- <= 0) return;
      assertClaimed(manifest, claims);
      if (!jobs.has(manifest.metadata.name)) jobs.set(manifest.metadata.name, simulatedJob(manifest, uid(), now));
    }
    for (const { name, uid } of plan.deleteJobs) {
      if (left-- <= 0) return;
      if (jobs.get(name)?.uid === uid) jobs.delete(name);
    }
  }

  const uid = (): string => `job-${(made += 1)}`;

  function store(status: Status): void {
    assertWithinSurge(live, status);
    const { uid, name, namespace, generation } = live;
    const resourceVersion = String(Number(live.resourceVersion) + 1);
    const stored = parseImageCache({
      metadata: { uid, name, namespace, generation, resourceVersion },
      status: inOrder(serializeStatus(status, live)),
    });
    live = { ...live, resourceVersion, status: stored.status };
    for (const claim of claimsOf(live)) claims.add(claim);
  }

  /** Advances a Job by one stage; false if it is in its last one. */
  function work(name: string): boolean {
    const job = jobs.get(name);
    if (job === undefined || job.stage === 'told') return false;
    jobs.set(name, job.stage === 'made' ? { ...job, stage: 'started', startedAt: now } : { ...job, stage: 'told' });
    return true;
  }

  /** Sets a node; undefined deletes it. A node that is created again, or changes its id, gets a new id. */
  function setNode(name: string, node: Node | undefined): void {
    if (node === undefined) return void nodes.delete(name);
    const before = machines.get(name) === node.id ? nodes.get(name) : undefined;
    machines.set(name, node.id);
    nodes.set(name, { ...node, id: before?.id ?? `${node.id}-${(made += 1)}` });
  }

  /** Continues until there is nothing to plan and no Job can advance; throws if that never happens. */
  function settle(): void {
    for (let turn = 0; turn < 300; turn += 1) {
      carryOutAll();
      const hasWorked = [...jobs.keys()].map(work).includes(true);
      if (!hasWorked && jobs.size === 0) return;
      if (!hasWorked) now += 60_000;
    }
    throw new Error('there is no end to it');
  }

  /** Observes and carries out decisions until there is nothing to plan; a plan that observes no more must leave nothing to plan. */
  function carryOutAll(): void {
    for (let prepared = look('everything'); !isEmpty(prepared.plan);) {
      carryOut(prepared);
      const next = look('everything');
      if (prepared.plan.observeNext === 'nothing' && !isEmpty(next.plan))
        throw new Error(`a plan left one to plan: ${JSON.stringify(next.plan)}`);
      prepared = next;
    }
  }

  return {
    look,
    carryOut,
    work,
    settle,
    wait: (ms: number): void => void (now += ms),
    edit: (spec: Partial<Spec>): void => {
      const resourceVersion = String(Number(live.resourceVersion) + 1);
      live = { ...live, resourceVersion, generation: live.generation + 1, spec: anySpec(spec) };
    },
    setNode,
    /** Deletes a Job as a user would. */
    takeAway: (name: string): void => {
      const job = jobs.get(name);
      if (job === undefined) return;
      takenAway.set(name, job.node);
      jobs.delete(name);
    },
    live: (): ImageCache => live,
    jobs: (): readonly SimulatedJob[] => [...jobs.values()],
  };
}

export const nodeName = (index: number): string => `node-${String(index).padStart(4, '0')}`;

export const manyNodes = (count: number): readonly Node[] =>
  Array.from({ length: count }, (_, index) => node({ name: nodeName(index), id: `id-${index}` }));

/** Plans and carries out until there is nothing to do before a Job ends. Returns the nodes of the Jobs that exist then. */
export function planAll(on: SimulatedWorld): readonly string[] {
  for (let plans = 0; plans < 50; plans += 1) {
    const prepared = on.look('everything');
    if (isEmpty(prepared.plan)) return on.jobs().map((job) => job.node);
    on.carryOut(prepared);
  }
  throw new Error('the plans do not end');
}

/** All Jobs that exist, or those on these nodes, end. */
export const endJobs = (on: SimulatedWorld, nodes?: readonly string[]): void => {
  for (const job of on.jobs()) if (nodes?.includes(job.node) ?? true) while (on.work(job.name));
};

/** Sorts the keys of every object, as an API server does. */
function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, child]) => [key, inOrder(child)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}
