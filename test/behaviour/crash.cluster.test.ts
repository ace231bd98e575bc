import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limiter } from '#runtime/api/limiter.ts';
import { bundled, type Bundled } from './bundled.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { eventually } from './eventually.ts';
import { labUnderTest } from './lab-under-test.ts';
import { imagesOf } from './observed.ts';
import { simulatedCluster } from './simulated-cluster.ts';
import { createWorld, type World } from './world.ts';

/** After which write of the round the process dies; undefined lets it live. */
type Death = { readonly after: number; readonly isHeard: boolean } | undefined;

let cluster: ClusterUnderTest;
let product: Bundled;
beforeAll(async () => {
  product = await bundled();
  cluster = simulatedCluster(await labUnderTest(), product.program);
});
afterAll(async () => {
  await product.remove();
});

/** A round over three nodes with one image that fails; the process dies once in it and comes back. Answers with what all comes to. */
async function roundWith(
  death: Death,
): Promise<{ readonly end: object; readonly writes: number; readonly died: boolean }> {
  const world = await createWorld(cluster, { isClusterWide: false });
  try {
    const nodes = await world.nodes.add(3);
    const images = ['registry.example/good:1', 'registry.example/missing:1'];
    await world.product.start({ env: { LEADER_ELECTION: 'false' } });
    const died = death === undefined ? undefined : dies(world, death);
    await world.createCache('cache', images);
    const isDead = died !== undefined && death !== undefined && (await isKilled(world, death.after, died));
    if (isDead) {
      world.connection?.cut(undefined);
      await world.product.start({ env: { LEADER_ELECTION: 'false' } });
    }
    await doneWith(world);
    return { end: await endOf(world, nodes), writes: world.writes(), died: isDead };
  } finally {
    await world.end();
  }
}

/** Whether the process dies before its last write, which is the Event. One that made the fatal write dies, if a moment later. */
async function isKilled(world: World, after: number, died: Promise<true>): Promise<boolean> {
  const isDead = await Promise.race([died, toldOf(world)]);
  return isDead || (world.writes() >= after && (await died));
}

/** Resolves with true when the process has been killed after that write. */
function dies(
  { connection, product }: World,
  death: { readonly after: number; readonly isHeard: boolean },
): Promise<true> {
  const { promise, resolve, reject } = Promise.withResolvers<true>();
  const onCut = () => {
    product.kill().then(() => {
      resolve(true);
    }, reject);
  };
  connection?.cut({ ...death, onCut });
  return promise;
}

/** Nothing more is to come of a process that lives: all is done, and the Event is told. */
async function toldOf(world: World): Promise<false> {
  await doneWith(world);
  await eventually('the Event is told', async () => (await world.events('cache')).length > 0, 20);
  return false;
}

/** The cache is settled, and no Job is left. */
async function doneWith(world: World): Promise<false> {
  await world.settled('cache', 60);
  await eventually('no Job is left', () => world.history.jobsThere().length === 0, 20);
  return false;
}

async function endOf(world: World, nodes: readonly string[]): Promise<object> {
  const { status } = await world.settled('cache');
  return {
    status: status.status,
    round: status.round,
    counts: status.nodeCounts,
    failures: Object.entries(status.failures).map(([image, told]) => [image, told.length]),
    jobs: nodes.map((node) => world.history.jobsOf(node).map(imagesOf)),
    got: nodes.map((node) => world.history.imagesPulled(node)),
    complaints: world.product.complaints(),
  };
}

describe('a process that is killed after any write of a round, and started again', () => {
  it('comes to the same end, with nothing lost and nothing done twice', { timeout: 600_000 }, async () => {
    const { end, writes } = await roundWith(undefined);
    expect(end).toMatchObject({ status: 'Failed', counts: { failed: 3, ready: 0 }, complaints: [] });
    const deaths = Array.from({ length: writes }, (_, index) => index + 1).flatMap((after) => [
      { after, isHeard: true },
      { after, isHeard: false },
    ]);
    const inTurn = limiter(8);
    const ends = await Promise.all(
      deaths.map(async (death) => {
        const round = await inTurn(() => roundWith(death), AbortSignal.timeout(580_000));
        return { ...death, ...round };
      }),
    );
    console.log(
      `crash: ${writes} writes in a round, killed ${ends.filter(({ died }) => died).length} of ${ends.length} times`,
    );
    expect(ends.map(({ after, isHeard, end: its }) => ({ after, isHeard, end: its }))).toEqual(
      deaths.map((death) => ({ ...death, end })),
    );
    // Batches differ a little from round to round: who lives had fewer writes.
    expect(ends.filter(({ died, writes: made, after }) => !died && made >= after)).toEqual([]);
  });
});
