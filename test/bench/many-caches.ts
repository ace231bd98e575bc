import { manyJoined } from './many/joined.ts';
import { manyRefreshed } from './many/refreshed.ts';
import { baselineRound, manyRound } from './many/round.ts';
import { manySeparate } from './many/separate.ts';
import type { ManySize } from './many/sizes.ts';
import type { ManyCaches, ManyRound } from './results.ts';

type Order = { readonly sizes: readonly ManySize[]; readonly timeoutSeconds: number };

/** Many caches over the same nodes, on the simulator: their rounds, a refresh, and nodes that join. */
export async function manyCaches({ sizes, timeoutSeconds }: Order): Promise<ManyCaches> {
  const rounds: ManyRound[] = [];
  for (const size of sizes) rounds.push(await manyRound({ size, timeoutSeconds }));
  const separate = await manySeparate({ size: { caches: 20, nodes: 50, images: 5, idle: 0 }, timeoutSeconds });
  const size = { caches: 5, nodes: 10, images: 2, idle: 0 };
  const compared = {
    baseline: await baselineRound({ size, timeoutSeconds }),
    ours: await manyRound({ size, timeoutSeconds }),
  };
  const refresh = await manyRefreshed({ caches: 100, nodes: 10, images: 5, idle: 0 });
  const join = await manyJoined({ caches: 50, nodes: 5, images: 5, idle: 0 }, 50);
  return { rounds, separate, compared, refresh, join };
}
