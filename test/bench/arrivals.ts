import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { collection } from '../behaviour/kind.ts';
import { isNodeReady } from '../behaviour/node-condition.ts';
import { nodeOf, parseJob } from '../behaviour/observed.ts';
import { recordWatch } from '../behaviour/watch.ts';

/** When a watch first reported each node Ready, and its first Job; epoch milliseconds. */
export type Arrivals = { readonly readyAt: ReadonlyMap<string, number>; readonly jobAt: ReadonlyMap<string, number> };

export type ArrivalWatch = { readonly arrivals: () => Arrivals; readonly stop: () => Promise<void> };

const named = z.object({ metadata: z.object({ name: z.string() }) });
const seenNode = (object: unknown) => ({ name: named.parse(object).metadata.name, isReady: isNodeReady(object) });

/** Records when nodes become Ready and when their Jobs are created, with watches of one process, so that both have the same delay. */
export async function watchArrivals(api: Api): Promise<ArrivalWatch> {
  const nodes = await recordWatch(api, collection('Node', ''), seenNode);
  const jobs = await recordWatch(api, collection('Job', 'default'), (object) => nodeOf(parseJob(object)));
  return {
    arrivals: () => ({
      readyAt: firstTimes(
        nodes.changes().flatMap(({ object, at }) => (object.isReady ? [[object.name, at] as const] : [])),
      ),
      jobAt: firstTimes(jobs.changes().map(({ object, at }) => [object, at] as const)),
    }),
    stop: async () => {
      await Promise.all([nodes.stop(), jobs.stop()]);
    },
  };
}

function firstTimes(changes: readonly (readonly [string, number])[]): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const [name, at] of changes) if (!first.has(name)) first.set(name, at);
  return first;
}

/** Milliseconds from Ready to the Job of each node. Throws if a node was never Ready or has no Job. */
export function latencies({ readyAt, jobAt }: Arrivals, nodes: readonly string[]): readonly number[] {
  return nodes.map((node) => {
    const [ready, job] = [readyAt.get(node), jobAt.get(node)];
    if (ready === undefined || job === undefined) throw new Error(`${node} was never Ready, or has no Job`);
    return job - ready;
  });
}
