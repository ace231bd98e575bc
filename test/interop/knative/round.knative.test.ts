import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../behaviour/eventually.ts';
import { realNodesCluster } from '../../behaviour/real-nodes-cluster.ts';
import type { ObservedCache } from '../../behaviour/observed.ts';
import { createWorld, type World } from '../../behaviour/world.ts';
import { apiWritesIn, writesBetween } from '../../cluster/api-writes.ts';
import type { Lab } from '../../cluster/lab.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { conflictsIn } from './conflicts.ts';
import { asleep } from './function-pods.ts';
import { watchUsage } from './function-usage.ts';
import { deploy, installKnative, namespace, undeploy, type Way } from './install-knative.ts';
import { followPods, type PodLogs } from './pod-logs.ts';
import { productOnKnative } from './product-on-knative.ts';

const nodes = 100;

/** Caches that are created together, each with its own images. */
type Size = { readonly caches: number; readonly images: number };
const sizes: readonly Size[] = [
  { caches: 1, images: 20 },
  { caches: 20, images: 5 },
];
const text = ({ caches, images }: Size): string => `${caches} x ${nodes} nodes x ${images} images`;
const imagesOf = (cache: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `registry.example/${cache}-${index}:1`);

const pool = { fleet: 'simulated' };

let lab: Lab;
beforeAll(async () => {
  lab = await sharedLab();
  await installKnative(lab);
  await addFleet(lab);
});
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** Simulated nodes in addition to the real ones. Their taint excludes Knative's Pods, which have to run; pull Jobs tolerate any taint. */
async function addFleet(of: Lab): Promise<void> {
  const names = Array.from({ length: nodes }, (_, index) => `fleet-${index + 1}`);
  const items = names.map((name) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', ...pool },
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
    },
    spec: { taints: [{ key: 'example.com/simulated', effect: 'NoSchedule' }] },
  }));
  await of.apply({ apiVersion: 'v1', kind: 'List', items });
  await of.simulate(1); // starts the simulator
  await of.ask('delete', 'node', 'sim-1');
  const ready = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
  await eventually(
    'the fleet is Ready',
    async () => {
      const sent = await of.ask('get', 'nodes', '-l', 'fleet=simulated', '-o', `jsonpath=${ready}`);
      return sent.split(' ').filter((each) => each === 'True').length === nodes;
    },
    180,
  );
}

type Line = { readonly function?: string; readonly id?: string; readonly status?: number; readonly ms?: number };

/** The log lines of functions about their deliveries. */
const deliveries = (lines: readonly string[]): readonly Line[] =>
  lines
    .filter((line) => line.startsWith('{"level"') && line.includes('"status":') && line.includes('"ms":'))
    .map((line) => JSON.parse(line) as Line);

const metrics = (): Promise<string> => lab.ask('get', '--raw', '/metrics');

type Measured = { readonly world: World; readonly logs: PodLogs; readonly title: string };

/** Creates the caches, waits for the end of their rounds, and prints what that took. */
async function measureRounds(size: Size, { world, logs, title }: Measured): Promise<readonly ObservedCache[]> {
  const names = Array.from({ length: size.caches }, (_, index) => `round-${size.caches}-${index}`);
  const [from, before] = [logs.lines().length, await metrics()];
  const usage = watchUsage();
  const begin = Date.now();
  const hasJobs = async (): Promise<boolean> => (await world.kube.list('Job')).length > 0;
  const firstJob = eventually('the first Job', hasJobs, 60).then(() => (Date.now() - begin) / 1000);
  for (const name of names)
    await world.createCache(name, [], { cacheSpec: [{ images: imagesOf(name, size.images), nodeSelector: pool }] });
  const caches = [];
  for (const name of names) caches.push(await world.settled(name, 600));
  const took = (Date.now() - begin) / 1000;
  const first = await firstJob;
  await eventually('no Job is left', async () => !(await hasJobs()), 180);

  const after = await metrics();
  const used = await usage.stop();
  const sent = deliveries(logs.lines().slice(from));
  const writes = writesBetween(apiWritesIn(before), apiWritesIn(after));
  const statuses = writes.by['PATCH imagecaches/status'] ?? 0;
  console.log(
    [
      `knative, ${title}: ${text(size)} in ${took.toFixed(1)} s, the first Job after ${first.toFixed(1)} s: ${new Set(sent.map(({ id }) => id)).size} events that concerned a function, ${sent.length} invocations ` +
        `(${sent.filter((each) => each.status === 503).length} answered 503), ${statuses} status writes, ${conflictsIn(after) - conflictsIn(before)} of them 409, ${writes.by['POST jobs'] ?? 0} Jobs`,
      ...used.map(
        (each) =>
          `  ${each.function}: ${sent.filter((line) => line.function === each.function).length} invocations in ${each.processes} processes, peak RSS ${each.peakMegabytes.toFixed(0)} MB, ${each.megabytesRead.toFixed(1)} MB read`,
      ),
    ].join('\n'),
  );
  expect(writes.by['POST jobs']).toBe(size.caches * nodes);
  return caches;
}

describe(`rounds of ${sizes.map(text).join(', and of ')} on Knative`, () => {
  it.each<Way>(['our-source', 'knative-sources'])('fed by %s, succeed with one Job per cache and node', async (way) => {
    await deploy(lab, way);
    ends.push(() => undeploy(lab, way));
    const logs = followPods(lab);
    ends.push(logs.stop);
    const cluster = await realNodesCluster(lab);
    ends.push(cluster.stop);
    const product = productOnKnative(lab, way, logs);
    await product.stop();
    const world = await createWorld(
      { ...cluster, installed: { product: () => product, namespace } },
      { isClusterWide: true },
    );
    ends.push(world.end);
    await product.start();
    await asleep(lab, ['reconcile', 'job-complete']); // the tick of PingSource keeps the others running
    for (const size of sizes) {
      const caches = await measureRounds(size, { world, logs, title: way });
      for (const { status } of caches)
        expect(status).toMatchObject({ status: 'Succeeded', nodesReady: `${nodes}/${nodes}`, round: { number: 1 } });
    }
  });
});
