import { setTimeout as pause } from 'node:timers/promises';
import { annotations, finalizer } from '#model/cache/api.ts';
import { ApiError, isConflict, isNotFound } from '#runtime/errors.ts';
import { registerSimulatedNode } from '../behaviour/simulated-cluster.ts';
import type { Kube } from '../behaviour/kube.ts';
import { isNodeReady } from '../behaviour/node-condition.ts';
import { parseCache, type ObservedCache } from '../behaviour/observed.ts';
import type { Action, Scenario, Step, Workload } from './scenario.ts';

/** The prefix of node names, and the factor of all pauses. */
export type ScenarioOptions = { readonly prefix: string; readonly pace: number };

/** Plays all actions of a scenario, and resolves when all actors have finished. */
export async function playScenario(scenario: Scenario, kube: Kube, { prefix, pace }: ScenarioOptions): Promise<void> {
  const inTime = (steps: readonly Step[]): readonly Step[] =>
    steps.map(({ after, action }) => ({ after: after * pace, action }));
  await Promise.all(scenario.actors.map(async (steps) => play(inTime(steps), kube, prefix)));
  await play(inTime(scenario.finalActions.map((action) => ({ after: 5_000, action }))), kube, prefix);
}

/** The initial nodes. They are Ready before anything else, as it would be random whether the first round finds any. */
export async function addInitialNodes({ nodes }: Scenario, kube: Kube, prefix: string): Promise<void> {
  for (const { name, zone } of nodes) await carryOut({ type: 'join', node: name, zone }, kube, prefix);
  await retried(async () => (await kube.list('Node', `pool=${prefix}`)).every(isNodeReady));
}

async function play(steps: readonly Step[], kube: Kube, prefix: string): Promise<void> {
  for (const { after, action } of steps) {
    await pause(after);
    await retried(async () => isDue(action, kube));
    await retried(async () => {
      await carryOut(action, kube, prefix);
      return true;
    });
  }
}

/** Retries until the API server accepts the request, as users do. */
async function retried(attempt: () => Promise<boolean>): Promise<void> {
  for (;;) {
    try {
      if (await attempt()) return;
    } catch (error) {
      if (!(error instanceof ApiError) || (error.status !== 0 && error.status < 429)) throw error;
    }
    await pause(500);
  }
}

/**
 * Waits until the product has observed a cache, as requests before that have another, correct result: an earlier trigger
 * is stale, and a cache that is deleted before it has a finalizer keeps its images.
 */
async function isDue(action: Action, kube: Kube): Promise<boolean> {
  // KWOK does not run a node while the Lease of an earlier node of that name exists, which is deleted late.
  if (action.type === 'join') return (await kube.get('Lease', action.node)) === undefined;
  if (action.type !== 'refresh' && action.type !== 'purge' && action.type !== 'delete') return true;
  const { metadata, spec, status } = await found(kube, action.cache);
  const isHeld = !JSON.stringify(spec).includes('"Purge"') || metadata.finalizers.includes(finalizer);
  const isSettled = status.observedGeneration === metadata.generation && status.status !== 'Processing';
  if (status.observedGeneration === undefined || !isHeld) return false;
  if (action.type === 'refresh') return !isPurgePending(metadata.annotations, status);
  return isSettled || action.when === 'seen';
}

/** Whether a purge is requested and not begun: a refresh that is observed together with it is dropped. */
function isPurgePending(given: Readonly<Record<string, string>>, status: ObservedCache['status']): boolean {
  const token = given[annotations.purgeRequestedAt] ?? '';
  const isNew = token !== '' && token !== status.lastHandledPurgeAt;
  return isNew || (annotations.purge in given && status.reason !== 'ImageCachePurge');
}

async function found(kube: Kube, cache: string): Promise<ObservedCache> {
  return parseCache(await kube.get('ImageCache', cache));
}

async function carryOut(action: Action, kube: Kube, prefix: string): Promise<void> {
  switch (action.type) {
    case 'create':
      await unless(isConflict, kube.create('ImageCache', action.cache, { spec: action.spec }));
      return;
    case 'edit':
      await kube.patch('ImageCache', action.cache, {
        spec: { maxConcurrentNodes: null, rollout: null, ...action.spec },
      });
      return;
    case 'refresh':
    case 'purge': {
      const isToken = action.by !== 'annotation';
      const name = annotations[isToken ? (`${action.type}RequestedAt` as const) : action.type];
      await kube.patch('ImageCache', action.cache, { metadata: { annotations: { [name]: isToken ? action.by : '' } } });
      return;
    }
    case 'delete':
      return kube.remove('ImageCache', action.cache);
    case 'join': {
      const labels = { pool: prefix, zone: action.zone };
      await unless(isConflict, registerSimulatedNode(kube, action.node, { labels, taints: [] }));
      return;
    }
    case 'label':
      await unless(isNotFound, kube.patch('Node', action.node, { metadata: { labels: { zone: action.zone } } }));
      return;
    case 'leave':
      return kube.remove('Node', action.node);
    case 'deploy':
      await kube.apply('Rollout', action.workload, { ...manifestOf(action.of) });
      return;
    case 'undeploy':
      return kube.remove('Rollout', action.workload);
  }
}

/** Nodes are selected by a list, which a merge replaces. */
function manifestOf({ app, replicas, images, nodeLabels }: Workload): object {
  const matchExpressions = Object.entries(nodeLabels).map(([key, value]) => ({ key, operator: 'In', values: [value] }));
  const required = { nodeSelectorTerms: [{ matchExpressions }] };
  const spec = {
    containers: images.map((image, index) => ({ name: `c${index}`, image })),
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
  };
  return { metadata: { labels: { app } }, spec: { replicas, template: { spec } } };
}

async function unless(isFine: (error: unknown) => boolean, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isFine(error)) throw error;
  });
}
