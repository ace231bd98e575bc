import { kill } from 'node:process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../behaviour/eventually.ts';
import { realNodesCluster, type Started } from '../../behaviour/real-nodes-cluster.ts';
import type { Product } from '../../behaviour/product.ts';
import { createWorld, type World } from '../../behaviour/world.ts';
import type { Lab } from '../../cluster/lab.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { conflicts } from './conflicts.ts';
import { functionProcesses } from './function-pods.ts';
import { deploy, installKnative, namespace, undeploy } from './install-knative.ts';
import { followPods, type PodLogs } from './pod-logs.ts';
import { cacheEvent, postEvent } from './post-event.ts';
import { productOnKnative } from './product-on-knative.ts';

const way = 'our-source';
let lab: Lab;
let logs: PodLogs;
let cluster: Started;
let product: Product;
const ends: (() => Promise<void>)[] = [];
beforeAll(async () => {
  lab = await sharedLab();
  await installKnative(lab);
  ends.push(() => undeploy(lab, way));
  await deploy(lab, way);
  logs = followPods(lab);
  ends.push(logs.stop);
  const nodes = await realNodesCluster(lab);
  ends.push(nodes.stop);
  product = productOnKnative(lab, way, logs);
  cluster = { ...nodes, installed: { product: () => product, namespace } };
});
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});
beforeEach(() => product.stop());

/** A world with both nodes in which only this test sends events. */
async function quietWorld(run: (world: World) => Promise<void>): Promise<void> {
  const world = await createWorld(cluster, { isClusterWide: true });
  try {
    await world.nodes.add(2);
    await run(world);
  } finally {
    await world.end();
  }
}

/** The statuses that functions logged for one event. */
const answersTo = (id: string): readonly { readonly function: string; readonly status: number }[] =>
  logs
    .lines()
    .filter((line) => line.includes(`"id":"${id}"`))
    .map((line) => JSON.parse(line) as { function: string; status: number | string })
    .flatMap(({ function: name, status }) => (typeof status === 'number' ? [{ function: name, status }] : []));

/** Kills a process, unless the kubelet did before. */
function killIfRunning(pid: number): void {
  try {
    kill(pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

const deadLetters = (): Promise<string> =>
  lab.ask(
    '-n',
    namespace,
    'logs',
    '-l',
    'serving.knative.dev/service=dead-letters',
    '-c',
    'user-container',
    '--tail=-1',
  );

describe('with a real Broker', () => {
  it('an event that functions refuse is delivered once to each, and becomes a dead letter with the reason', async () => {
    const id = crypto.randomUUID();
    const { status } = await postEvent(lab, { id, type: 'dev.knative.apiserver.ref.add', kind: 'ImageCache' });
    expect(status).toBe(202);
    const letters = await eventually(
      'its dead letters are logged',
      async () => {
        const text = await deadLetters();
        return text.split(id).length > 3 ? text : undefined;
      },
      60,
    );
    const ours = letters.split(/^☁️/mu).filter((letter) => letter.includes(id));
    expect(ours).toHaveLength(3); // reconcile, refresh and purge were called
    for (const letter of ours) {
      expect(letter).toMatch(/knativeerrorcode: 422/);
      const data = /knativeerrordata: (\S+)/.exec(letter)?.[1] ?? '';
      expect(Buffer.from(data, 'base64').toString()).toContain('extensions kind, name and apiversion');
    }
  });

  it('an event that cannot be handled yet is retried until it is', async () => {
    await quietWorld(async (world) => {
      await world.kube.create('ResourceQuota', 'quota', { spec: { hard: { 'count/jobs.batch': '0' } } });
      await eventually('the quota is enforced', async () =>
        JSON.stringify(await world.kube.get('ResourceQuota', 'quota')).includes('"used"'),
      );
      await world.createCache('cache', [await world.image('good')]);
      const id = crypto.randomUUID();
      const posted = postEvent(lab, { ...cacheEvent(world.namespace, 'cache'), id });
      const statuses = () => answersTo(id).flatMap((each) => (each.function === 'reconcile' ? [each.status] : []));
      await eventually('it was refused twice', () => statuses().length >= 2, 60);
      await world.kube.remove('ResourceQuota', 'quota');
      expect((await posted).status).toBe(202);
      await eventually('it was accepted', () => statuses().at(-1) === 204, 60);
      expect(
        statuses()
          .slice(0, -1)
          .every((status) => status === 503),
      ).toBe(true);
      await eventually('both nodes have their Job', () => world.history.jobs().length === 2, 30);
    });
  });

  it('many copies of an event at once have the effect of one', async () => {
    await quietWorld(async (world) => {
      await world.createCache('cache', [await world.image('good')]);
      const event = cacheEvent(world.namespace, 'cache');
      const before = await conflicts(lab);
      const answers = await Promise.all(Array.from({ length: 12 }, () => postEvent(lab, event)));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
      console.log(`knative: 12 times the same event at once: ${(await conflicts(lab)) - before} conflicts`);
      await world.product.start();
      expect((await world.settled('cache', 90)).status).toMatchObject({ status: 'Succeeded', nodesReady: '2/2' });
      expect(world.history.jobs()).toHaveLength(2);
      expect(world.history.cache('cache')?.status.round?.number).toBe(1);
      // The Event is recorded after the status is written.
      await eventually('its Event is recorded', async () => (await world.events('cache')).length > 0, 30);
      expect(await world.events('cache')).toHaveLength(1);
    });
  });

  it('an event is retried when the Pod that handles it is killed', async () => {
    await quietWorld(async (world) => {
      await postEvent(lab, cacheEvent(world.namespace, 'nobody')); // starts it
      const pods = (await functionProcesses()).filter((each) => each.function === 'reconcile');
      expect(pods.length).toBeGreaterThan(0);
      for (const { pid } of pods) kill(pid, 'SIGSTOP'); // it accepts the event, and is then stopped
      await world.createCache('cache', [await world.image('good')]);
      const id = crypto.randomUUID();
      const posted = postEvent(lab, { ...cacheEvent(world.namespace, 'cache'), id });
      await new Promise((resolve) => setTimeout(resolve, 3000));
      expect(world.history.jobs()).toEqual([]);
      const names = pods.map(({ pod }) => pod);
      await lab.ask('-n', namespace, 'delete', 'pod', ...names, '--force', '--grace-period=0', '--ignore-not-found');
      // Only now: the kubelet would restart the container, which could answer until the Pod is deleted and its log lost.
      for (const { pid } of pods) killIfRunning(pid);
      expect((await posted).status).toBe(202);
      await eventually('both nodes have their Job', () => world.history.jobs().length === 2, 60);
      const answers = () => answersTo(id).filter((each) => each.function === 'reconcile');
      await eventually('the delivery is logged', () => answers().length > 0);
      expect(answers()).toMatchObject([{ status: 204 }]);
    });
  });
});
