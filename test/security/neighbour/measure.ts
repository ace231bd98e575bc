import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { parseNode } from '#model/node/parse-node.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';
import { createApi } from '#runtime/api/create-api.ts';
import { nodeOptions } from '../../../deploy/tools/images/functions-container.ts';
import { silentRegistry } from '../memory/loads.ts';
import { startProduct } from '../product-process.ts';
import type { Load } from './loads.ts';
import { cacheNamed, cachesPath, createTenant, type Tenant } from './tenant-caches.ts';

/** A neighbour's cache that takes longer counts as this. */
const longestMs = 60_000;

/** Milliseconds from the creation of a neighbour's cache to Succeeded, in the same run: alone, and beside a load. */
export type UnderLoad = {
  readonly load: string;
  readonly alone: readonly number[];
  readonly underLoad: readonly number[];
  /** Edits of the tenant in a minute. */
  readonly editsPerMinute: number;
  /** The same beside the load's control. */
  readonly control?: Omit<UnderLoad, 'alone' | 'control'>;
};

export type Options = {
  readonly kubeconfig: string;
  readonly loads: readonly Load[];
  /** How often each is measured. */
  readonly repetitions: number;
  readonly onMeasured?: (underLoad: UnderLoad) => void;
};

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** How many times as long the neighbour takes because of us: beside the load, compared with its control, or else with alone. */
export const ratioOf = ({ alone, underLoad, control }: Pick<UnderLoad, 'alone' | 'underLoad' | 'control'>): number =>
  median(underLoad) / Math.max(median(alone), control === undefined ? 0 : median(control.underLoad));

/** Starts the program as in its image, and measures a neighbour's caches before, during and after each load. */
export async function measureNeighbour(options: Options): Promise<readonly UnderLoad[]> {
  const { kubeconfig, loads, repetitions, onMeasured } = options;
  const api = createApi({ kubeconfig, master: '', inCluster: false });
  const registry = await silentRegistry();
  for (const name of ['tenant', 'neighbour']) await createNamespace(api, name);
  const env = { NODE_OPTIONS: nodeOptions, REGISTRY_INSECURE: registry.host };
  const product = await startProduct({ kubeconfig, env });
  const [node = '', ...others] = (await listItems(api, paths.nodes, { bound: 'page_nodes', parse: parseNode })).map(
    ({ name }) => name,
  );
  if (others.length === 0) throw new Error('the neighbour needs a node of its own: the cluster has fewer than two');
  const tenant = createTenant(api, { namespace: 'tenant', node, silentRegistry: registry.host });
  const neighbour: Neighbour = { api, butOn: node };
  const measured: UnderLoad[] = [];
  try {
    await neighbours(neighbour, 2); // What the process loads once is not measured.
    for (const load of loads) {
      const found = await measureLoad(load, { neighbour, tenant, repetitions });
      measured.push(found);
      onMeasured?.(found);
    }
    return measured;
  } finally {
    await product.stop();
    registry.close();
    api.close();
  }
}

type Measuring = { readonly neighbour: Neighbour; readonly tenant: Tenant; readonly repetitions: number };

/** Half of the times alone are measured before the load, half after it: the machine may have changed. */
async function measureLoad(load: Load, measuring: Measuring): Promise<UnderLoad> {
  const { neighbour, repetitions } = measuring;
  const half = Math.ceil(repetitions / 2);
  const before = await neighbours(neighbour, half);
  const control = load.control && (await measureUnderLoad(load.control, measuring));
  const underLoad = await measureUnderLoad(load, measuring);
  const alone = [...before, ...(await neighbours(neighbour, half))];
  return { ...underLoad, alone, ...(control && { control }) };
}

async function measureUnderLoad(
  { name, apply }: Pick<Load, 'name' | 'apply'>,
  { neighbour, tenant, repetitions }: Measuring,
): Promise<Omit<UnderLoad, 'alone' | 'control'>> {
  const end = await apply(tenant);
  const [begin, edits] = [performance.now(), tenant.edits()];
  const underLoad = await neighbours(neighbour, repetitions);
  const minutes = (performance.now() - begin) / 60_000;
  const editsPerMinute = Math.round((tenant.edits() - edits) / minutes);
  await end();
  await pause(5000);
  return { load: name, underLoad, editsPerMinute };
}

/** A user of the nodes that the tenant does not select: on one node, kubelets pull what all want one after another. */
type Neighbour = { readonly api: Api; readonly butOn: string };

async function neighbours(neighbour: Neighbour, repetitions: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition += 1) times.push(await neighbourTime(neighbour));
  return times;
}

const statusOf = z.object({ status: z.optional(z.object({ status: z.optional(z.string()) })) });
let created = 0;

async function neighbourTime({ api, butOn }: Neighbour): Promise<number> {
  const path = cachesPath('neighbour');
  const name = `web-${(created += 1)}`;
  const images = ['a', 'b', 'c'].map((image) => `registry.example/${name}-${image}:1`);
  const nodeMatchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'NotIn', values: [butOn] }];
  const begin = performance.now();
  await api.request({
    method: 'POST',
    path,
    body: cacheNamed(name, { cacheSpec: [{ images, nodeMatchExpressions }] }),
  });
  for (;;) {
    const { status } = statusOf.parse(await api.request({ method: 'GET', path: `${path}/${name}` }));
    const time = Math.round(performance.now() - begin);
    if (status?.status === 'Succeeded' || time > longestMs) {
      await api.request({ method: 'DELETE', path: `${path}/${name}` });
      return Math.min(time, longestMs);
    }
    await pause(20);
  }
}

async function createNamespace(api: Api, name: string): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
  await api.request({ method: 'POST', path: '/api/v1/namespaces', body });
}
