import fc from 'fast-check';
import * as z from 'zod/mini';
import { expect, it, vi } from 'vitest';
import { ApiError } from '#runtime/errors.ts';
import { jobComplete } from '../../functions/job-complete.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { repetitions } from '../support/repetitions.ts';
import { argsOf, ends, removals, removed, told } from './removal-scene.ts';
import { aCache, aJob, aNode, changed, completed, jobsPath, nodeNamed, nodePath, tick } from './scene.ts';
import { appsOf, cacheOf, created, deploy, running } from './workload-scene.ts';

vi.setConfig({ testTimeout: 120_000 }); // hundreds of rounds, on a machine that may be loaded

const pools = ['x', 'y'] as const;
type Pool = (typeof pools)[number];
type App = 'a' | 'b';
const kinds = ['Deployment', 'StatefulSet'];
const listOf = (app: App, nodes: string): object => ({
  imagesFrom: { kinds, nodes, keepSeconds: 30, selector: { matchLabels: { app } } },
});
/** Images of app a are for all nodes, those of app b for the nodes of its Pods. */
const initial = [listOf('a', 'Selected'), listOf('b', 'AsPods'), { images: ['own:1'] }];

const maintenance = { key: 'maintenance', value: 'yes', effect: 'NoSchedule' };

type Deployed = { readonly app: App; readonly image: string; readonly pool: Pool };

function played() {
  const on = cacheOf({}, {}, { cacheSpec: initial });
  on.api.remove(nodePath('node-1'));
  const tainted = new Set<Pool>();
  const putNode = (pool: Pool): void => {
    const metadata = { name: pool, uid: `uid-of-${pool}`, labels: { pool } };
    const taints = tainted.has(pool) ? [maintenance] : [];
    on.api.put(nodePath(pool), nodeNamed(pool, { metadata, spec: { taints } }));
  };
  pools.forEach(putNode);
  const deployments = new Map<string, Deployed>();
  let [lists, suspend]: [readonly object[], boolean] = [initial, false];
  const edit = (): void => on.edit({ suspend, cacheSpec: lists });
  /** The images that Jobs have pulled and none has removed, each with its node. */
  const held = new Set<string>();
  const ended = new Set<string>();
  const finish = async (): Promise<void> => {
    for (const job of on.jobs()) {
      const { node, images } = podOf(on.api.read(`${jobsPath}/${job}`));
      for (const image of images) held.add(`${image} ${node}`);
      on.pod(job, completed(0, 1, 2, 3, 4, 5));
      await jobComplete(changed(aJob(job)), on.context);
    }
    for (const job of removals(on)) {
      const named = argsOf(job).flatMap((arg) => (arg.startsWith('--remove=') ? [arg.slice('--remove='.length)] : []));
      const { node } = podOf(job);
      if (!ended.has(job.metadata.uid)) for (const image of named) held.delete(`${image} ${node}`);
      ended.add(job.metadata.uid);
      ends(
        on,
        job,
        named.map((image) => removed(image)),
      );
      await told(on, job);
    }
  };
  const pass = async (seconds: number): Promise<void> => {
    on.wait(seconds * 1000);
    await refresh(tick, on.context);
    await purge(tick, on.context);
  };
  /** The images that Deployments name, with each node that must have them. */
  const needed = (): readonly string[] =>
    [...deployments.values()].flatMap(({ app, image, pool }) =>
      (app === 'a' ? pools : [pool]).map((node) => `${image} ${node}`),
    );
  /** Those of them that were found. */
  const found = (): readonly string[] => {
    const known = on
      .live()
      .status.found.lists.flatMap(({ pods, images }) =>
        images.flatMap(({ image }) =>
          (pods === undefined ? pools : [pods.nodeSelector['pool']]).map((node) => `${image} ${node}`),
        ),
      );
    return needed().filter((each) => known.includes(each));
  };
  return {
    on,
    needed,
    found,
    /** The images on nodes that no list has there. */
    leftOver: (): readonly string[] =>
      [...held].filter((each) => !each.startsWith('own:') && !needed().includes(each)).toSorted(),
    /** The images that are about to be removed from nodes. */
    leaving: (): readonly string[] => {
      const { removals: ledger, toRemove } = on.live().status;
      const pending = Object.entries(ledger).filter(([, { state }]) => state === 'Pending' || state === 'Skipped');
      return pending.flatMap(([node, { imagesHash }]) =>
        (toRemove[imagesHash] ?? []).map((image) => `${image} ${node}`),
      );
    },
    deploy: (name: string, of: Deployed): void => {
      deployments.set(name, of);
      deploy(on, name, { ...running(of.image), nodeSelector: { pool: of.pool } }, { app: of.app });
    },
    undeploy: (name: string): void => {
      deployments.delete(name);
      on.api.remove(`${appsOf('deployments')}/${name}`);
    },
    /** A node gets a taint that no Pod tolerates, or loses it. */
    taint: (pool: Pool): void => {
      if (!tainted.delete(pool)) tainted.add(pool);
      putNode(pool);
    },
    move: (): void => {
      lists = [...lists.slice(1), ...lists.slice(0, 1)];
      edit();
    },
    suspend: (): void => {
      suspend = !suspend;
      edit();
    },
    refuse: (status: number): void => {
      on.api.acceptAll();
      on.api.refuse(/deployments/, refusal(status, 'Refused', 'no'), Infinity);
    },
    finish,
    pass,
    images: (): readonly string[] => [...new Set([...deployments.values()].map(({ image }) => image))].toSorted(),
    calm: async (): Promise<void> => {
      on.api.acceptAll();
      tainted.clear();
      pools.forEach(putNode);
      suspend = false;
      edit();
      for (let minute = 0; minute < 8; minute += 1) {
        await pass(61);
        await finish();
      }
    },
  };
}

const jobPod = z.object({
  spec: z.object({
    template: z.object({
      spec: z.object({ affinity: z.unknown(), containers: z.array(z.object({ image: z.string() })) }),
    }),
  }),
});

/** The node and the images of the Pods of a Job. */
function podOf(job: unknown): { readonly node: string; readonly images: readonly string[] } {
  const { affinity, containers } = jobPod.parse(job).spec.template.spec;
  const [, node = ''] = /"values":\["([xy])"\]/.exec(JSON.stringify(affinity)) ?? [];
  return { node, images: containers.map(({ image }) => image) };
}

type Act =
  | { readonly type: 'deploy'; readonly name: `${App}${number}`; readonly tag: number; readonly pool: Pool }
  | { readonly type: 'undeploy'; readonly name: `${App}${number}` }
  | { readonly type: 'refuse'; readonly status: number }
  | { readonly type: 'pass'; readonly seconds: number }
  | { readonly type: 'node' | 'taint'; readonly pool: Pool }
  | { readonly type: 'move' | 'suspend' | 'accept' | 'told' | 'finish' };

const names = fc.constantFrom<`${App}${number}`>('a1', 'a2', 'b1', 'b2');
const pool = fc.constantFrom(...pools);
const acts: fc.Arbitrary<readonly Act[]> = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('deploy' as const), name: names, tag: fc.nat({ max: 3 }), pool }),
    fc.record({ type: fc.constant('undeploy' as const), name: names }),
    fc.record({ type: fc.constant('refuse' as const), status: fc.constantFrom(403, 404, 410, 500) }),
    fc.record({ type: fc.constant('pass' as const), seconds: fc.constantFrom(20, 61, 125) }),
    fc.record({ type: fc.constantFrom('node' as const, 'taint' as const), pool }),
    fc.constantFrom(...(['move', 'suspend'] as const)).map((type): Act => ({ type })),
    fc.constantFrom(...(['told', 'accept'] as const)).map((type): Act => ({ type })),
    fc.constant<Act>({ type: 'finish' }),
  ),
  { minLength: 20, maxLength: 50, size: 'max' },
);

/** What cannot be read is delivered again, or read with the next tick. */
const unlessRefused = (error: unknown): void => {
  if (!(error instanceof ApiError)) throw error;
};

async function does(act: Act, world: ReturnType<typeof played>): Promise<void> {
  const { on } = world;
  switch (act.type) {
    case 'deploy': {
      const app = act.name.startsWith('a') ? 'a' : 'b';
      world.deploy(act.name, { app, image: `${app}:${act.tag}`, pool: act.pool });
      return;
    }
    case 'undeploy':
      world.undeploy(act.name);
      return;
    case 'refuse':
      world.refuse(act.status);
      return;
    case 'pass':
      await world.pass(act.seconds);
      return;
    case 'node':
      await reconcile(changed(aNode(act.pool)), on.context).catch(unlessRefused);
      return;
    case 'taint':
      world.taint(act.pool);
      await reconcile(changed(aNode(act.pool)), on.context).catch(unlessRefused);
      return;
    case 'told':
      await reconcile(changed(aCache), on.context).catch(unlessRefused);
      return;
    case 'accept':
      on.api.acceptAll();
      return;
    case 'move':
    case 'suspend':
      world[act.type]();
      return;
    case 'finish':
      await world.finish();
  }
}

it('an image that workloads name stays where it is, whatever is edited or refused, and all is settled in the end', async () => {
  await fc.assert(
    fc.asyncProperty(acts, async (all) => {
      const world = played();
      world.deploy('a1', { app: 'a', image: 'a:1', pool: 'x' });
      await reconcile(created, world.on.context);
      for (const act of all) {
        const before = world.found();
        await does(act, world);
        // What a Deployment has just begun to name may still be leaving.
        const stay = before.filter((each) => world.needed().includes(each));
        expect(world.leaving().filter((each) => stay.includes(each))).toEqual([]);
      }
      await world.calm();
      const { status, found: last } = world.on.live().status;
      const images = last.lists.flatMap((list) => list.images.map(({ image }) => image));
      expect([status, [...new Set(images)].toSorted()]).toEqual(['Succeeded', world.images()]);
      expect(world.leftOver()).toEqual([]);
      world.on.api.newCalls();
      await world.pass(61);
      expect(world.on.api.newCalls().filter((call) => !call.startsWith('GET'))).toEqual([]);
    }),
    { numRuns: repetitions(6, 300) },
  );
});
