import { beforeAll, describe, expect, it } from 'vitest';
import { limiter } from '#runtime/api/limits.ts';
import type { ClusterUnderTest } from './cluster-under-test.ts';
import { eventually } from './eventually.ts';
import { labUnderTest } from './lab-under-test.ts';
import { imagesOf } from './observed.ts';
import { simulatedCluster } from './simulated-cluster.ts';
import { createWorld, type World } from './world.ts';

/** The write of the round after which the process is killed; undefined for none. */
type Death = { readonly after: number; readonly isHeard: boolean } | undefined;

let cluster: ClusterUnderTest;
beforeAll(async () => {
  cluster = simulatedCluster(await labUnderTest());
});

/** Runs a round on three nodes with one failing image, kills and restarts the process once, and returns the end state. */
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

/** Whether the process dies before its last write, which is the Event. It dies a moment after the given write. */
async function isKilled(world: World, after: number, died: Promise<true>): Promise<boolean> {
  const isDead = await Promise.race([died, toldOf(world)]);
  return isDead || (world.writes() >= after && (await died));
}

/** Resolves with true when the process was killed after that write. */
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

/** Waits until a running process has finished and recorded the Event. */
async function toldOf(world: World): Promise<false> {
  await doneWith(world);
  await eventually('the Event is recorded', async () => (await world.events('cache')).length > 0, 20);
  return false;
}

/** Waits until the cache has settled and no Job is left. */
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
    failures: Object.entries(status.failures).map(([image, causes]) => [image, causes.length]),
    jobs: nodes.map((node) => world.history.jobsOf(node).map(imagesOf)),
    got: nodes.map((node) => world.history.imagesPulled(node)),
    complaints: world.product.complaints(),
  };
}

describe('a process that is killed after any write of a round and restarted', () => {
  it('reaches the same end state, with nothing lost and nothing repeated', { timeout: 600_000 }, async () => {
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
    // Batches differ between rounds: a process that was not killed had fewer writes.
    expect(ends.filter(({ died, writes: made, after }) => !died && made >= after)).toEqual([]);
  });
});
