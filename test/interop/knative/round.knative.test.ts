import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../behaviour/eventually.ts';
import { realNodesCluster } from '../../behaviour/real-nodes-cluster.ts';
import { createWorld } from '../../behaviour/world.ts';
import { apiWritesIn, writesBetween } from '../../cluster/api-writes.ts';
import type { Lab } from '../../cluster/lab.ts';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { conflictsIn } from './conflicts.ts';
import { asleep } from './function-pods.ts';
import { watchUsage } from './function-usage.ts';
import { deploy, installKnative, namespace, undeploy, type Way } from './install-knative.ts';
import { followPods } from './pod-logs.ts';
import { productOnKnative } from './product-on-knative.ts';

const nodes = 100;
const images = Array.from({ length: 20 }, (_, index) => `registry.example/round-${index}:1`);
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
      const told = await of.ask('get', 'nodes', '-l', 'fleet=simulated', '-o', `jsonpath=${ready}`);
      return told.split(' ').filter((each) => each === 'True').length === nodes;
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

describe(`a round of ${nodes} nodes x ${images.length} images on Knative`, () => {
  it.each<Way>(['our-source', 'knative-sources'])('fed by %s, succeeds with one Job per node', async (way) => {
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
    const [from, before] = [logs.lines().length, await metrics()];
    const usage = watchUsage();
    const begin = Date.now();

    await world.createCache('round', [], { cacheSpec: [{ images, nodeSelector: pool }] });
    const { status } = await world.settled('round', 300);
    const took = (Date.now() - begin) / 1000;
    await eventually('no Job is left', () => world.history.jobsThere().length === 0, 180);

    const after = await metrics();
    const used = await usage.stop();
    const told = deliveries(logs.lines().slice(from));
    const writes = writesBetween(apiWritesIn(before), apiWritesIn(after));
    const first = ((world.history.jobChanges()[0]?.at ?? NaN) - begin) / 1000;
    const statuses = writes.by['PATCH imagecaches/status'] ?? 0;
    console.log(
      [
        `knative, ${way}: ${nodes} nodes x ${images.length} images in ${took.toFixed(1)} s, the first Job after ${first.toFixed(1)} s, with reconcile and job-complete asleep: ${new Set(told.map(({ id }) => id)).size} events that concerned a function, ${told.length} invocations ` +
          `(${told.filter((each) => each.status === 503).length} answered 503), ${statuses} status writes, ${conflictsIn(after) - conflictsIn(before)} of them 409, ${writes.by['POST jobs'] ?? 0} Jobs`,
        ...used.map(
          (each) =>
            `  ${each.function}: ${told.filter((line) => line.function === each.function).length} invocations in ${each.processes} processes, peak RSS ${each.peakMegabytes.toFixed(0)} MB, ${each.megabytesRead.toFixed(1)} MB read`,
        ),
      ].join('\n'),
    );
    expect(status).toMatchObject({ status: 'Succeeded', nodesReady: `${nodes}/${nodes}` });
    expect(world.history.jobs()).toHaveLength(nodes);
    expect(world.history.cache('round')?.status.round?.number).toBe(1);
  });
});
