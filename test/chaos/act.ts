import { setTimeout as pause } from 'node:timers/promises';
import { annotations, finalizer } from '#model/cache/api.ts';
import { ApiError, isConflict, isNotFound } from '#runtime/errors.ts';
import { registerSimulatedNode } from '../behaviour/simulated-cluster.ts';
import type { Kube } from '../behaviour/kube.ts';
import { isNodeReady } from '../behaviour/node-condition.ts';
import { seenCache, type SeenCache } from '../behaviour/seen.ts';
import type { Deed, Scenario, Step } from './scenario.ts';

/** What names of nodes begin with, and what all pauses are multiplied by. */
export type Manner = { readonly prefix: string; readonly pace: number };

/** Does all that a scenario says, and ends when everybody has done his part. */
export async function act(scenario: Scenario, kube: Kube, { prefix, pace }: Manner): Promise<void> {
  const inTime = (steps: readonly Step[]): readonly Step[] =>
    steps.map(({ after, deed }) => ({ after: after * pace, deed }));
  await Promise.all(scenario.actors.map(async (steps) => play(inTime(steps), kube, prefix)));
  await play(inTime(scenario.last.map((deed) => ({ after: 5_000, deed }))), kube, prefix);
}

/** The nodes that are there from the start. They are Ready before anything else: else it is chance whether the first round finds any. */
export async function furnish({ nodes }: Scenario, kube: Kube, prefix: string): Promise<void> {
  for (const { name, zone } of nodes) await carriedOut({ type: 'join', node: name, zone }, kube, prefix);
  await persistently(async () => (await kube.list('Node', `pool=${prefix}`)).every(isNodeReady));
}

async function play(steps: readonly Step[], kube: Kube, prefix: string): Promise<void> {
  for (const { after, deed } of steps) {
    await pause(after);
    await persistently(async () => isTimeFor(deed, kube));
    await persistently(async () => {
      await carriedOut(deed, kube, prefix);
      return true;
    });
  }
}

/** Until the API server takes it: users try again, too. */
async function persistently(attempt: () => Promise<boolean>): Promise<void> {
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
 * What is asked of a cache that nobody has seen yet is answered otherwise, and rightly so: a trigger that is older than the first look
 * is stale, and a cache that goes before anything holds it takes nothing along.
 */
async function isTimeFor(deed: Deed, kube: Kube): Promise<boolean> {
  // KWOK plays no node whose Lease is another machine's of that name, which goes some time after it.
  if (deed.type === 'join') return (await kube.get('Lease', deed.node)) === undefined;
  if (deed.type !== 'refresh' && deed.type !== 'purge' && deed.type !== 'delete') return true;
  const { metadata, spec, status } = await found(kube, deed.cache);
  const isHeld = !JSON.stringify(spec).includes('"Purge"') || metadata.finalizers.includes(finalizer);
  const isSettled = status.observedGeneration === metadata.generation && status.status !== 'Processing';
  return (
    status.observedGeneration !== undefined && isHeld && (isSettled || deed.type === 'refresh' || deed.when === 'seen')
  );
}

async function found(kube: Kube, cache: string): Promise<SeenCache> {
  return seenCache(await kube.get('ImageCache', cache));
}

async function carriedOut(deed: Deed, kube: Kube, prefix: string): Promise<void> {
  switch (deed.type) {
    case 'create':
      await unless(isConflict, kube.create('ImageCache', deed.cache, { spec: deed.spec }));
      return;
    case 'edit':
      await kube.patch('ImageCache', deed.cache, { spec: { maxConcurrentNodes: null, ...deed.spec } });
      return;
    case 'refresh':
    case 'purge': {
      const isToken = deed.by !== 'annotation';
      const name = annotations[isToken ? (`${deed.type}RequestedAt` as const) : deed.type];
      await kube.patch('ImageCache', deed.cache, { metadata: { annotations: { [name]: isToken ? deed.by : '' } } });
      return;
    }
    case 'delete':
      return kube.remove('ImageCache', deed.cache);
    case 'join': {
      const labels = { pool: prefix, zone: deed.zone };
      await unless(isConflict, registerSimulatedNode(kube, deed.node, { labels, taints: [] }));
      return;
    }
    case 'label':
      await unless(isNotFound, kube.patch('Node', deed.node, { metadata: { labels: { zone: deed.zone } } }));
      return;
    case 'leave':
      return kube.remove('Node', deed.node);
  }
}

async function unless(isFine: (error: unknown) => boolean, work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isFine(error)) throw error;
  });
}
