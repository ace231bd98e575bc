import { once } from 'node:events';
import type { Server } from 'node:http';
import { functionNames, type FunctionName } from '#model/cache/cloud-event.ts';
import { startBroker, type Mishaps } from '../broker.ts';
import { chance } from '../chance.ts';
import type { Chronicle } from '../chronicle.ts';
import type { Asked, Fault } from '../faults.ts';
import { faultName } from '../forecast.ts';
import type { Address } from '../post-event.ts';
import { profiles, type Profile } from '../processes.ts';
import { keepRunning, type Child } from './child.ts';
import { startEdge, type Edge } from './edge.ts';

/** The product's programs as files that Node runs. */
export type Programs = Readonly<Record<'standalone' | 'sources' | 'functions', string>>;

export type ProductPlace = {
  readonly seed: number;
  readonly programs: Programs;
  readonly kubeconfig: string;
  /** The API server as this product alone sees it. */
  readonly api: string;
  readonly namespace: string;
  /** The value of the label `pool` of its nodes: it sees no others. */
  readonly pool: string;
  readonly record: Chronicle;
  readonly told: (line: string) => void;
  /** What delays are multiplied by. */
  readonly pace: number;
  readonly sky: {
    readonly isOn: () => boolean;
    readonly toApi: (asked: Asked) => Fault | undefined;
    readonly toFunction: () => Fault | undefined;
    readonly mishaps: () => Mishaps;
  };
};

/** The product in one process or two, with all that can go wrong between its parts and the API server. */
export type ChaoticProduct = {
  readonly profile: Profile;
  /** Where a function takes the heartbeat: undefined while its process is down. */
  readonly addressOf: (name: FunctionName) => Address | undefined;
  /** The ways to the API server. */
  readonly edges: readonly Edge[];
  readonly stop: () => void;
};

/** Starts it in the way that the seed says. */
export async function startProduct(place: ProductPlace): Promise<ChaoticProduct> {
  const { seed, programs } = place;
  const profile = chance(seed, 'profile').pick(profiles);
  const children = new Map<string, Child>();
  const edges: Edge[] = [];
  const run = async (name: keyof Programs, env: Readonly<Record<string, string>>): Promise<void> => {
    const edge = await apiEdge(name, () => children.get(name)?.kill(), place);
    edges.push(edge);
    const program = { name, file: programs[name], flags: flagsOf(edge, place), env: { ...usual(place), ...env } };
    children.set(name, keepRunning(program, chance(seed, `child ${name}`), place.told));
  };
  const functions = profile === 'standalone' ? 'standalone' : 'functions';
  const addressOf = (name: FunctionName): Address | undefined => {
    const port = children.get(functions)?.port();
    return port === undefined ? undefined : { port, path: `/${name}` };
  };
  await run(functions, {});
  const between =
    profile === 'standalone' ? undefined : await functionEdge(() => children.get(functions)?.port(), place);
  const broker = profile === 'broker' && between !== undefined ? await brokerTo(between, place) : undefined;
  if (between !== undefined) await run('sources', sinkOf(between, broker));
  return {
    profile,
    addressOf,
    edges,
    stop: () => {
      for (const child of children.values()) child.stop();
      for (const edge of [...edges, between]) edge?.close();
      broker?.close();
      broker?.closeAllConnections();
    },
  };
}

function apiEdge(name: string, kill: () => void, { api, pool, record, pace, sky }: ProductPlace): Promise<Edge> {
  return startEdge({
    ...{ target: () => api, client: { name, isDead: false }, kill, isOn: sky.isOn, pace },
    path: (asked) => asked.replace(/^\/api\/v1\/nodes(?:\?|$)/, `/api/v1/nodes?labelSelector=pool%3D${pool}&`),
    fault: ({ method = '', url: path = '' }) => {
      record.request(name, `${method} ${path}`);
      return noted(record, sky.isOn() ? sky.toApi({ method, path }) : undefined);
    },
  });
}

function functionEdge(port: () => number | undefined, { record, pace, sky }: ProductPlace): Promise<Edge> {
  return startEdge({
    target: () => {
      const to = port();
      return to === undefined ? undefined : `http://localhost:${to}`;
    },
    ...{ client: { name: 'sources', isDead: false }, kill: () => undefined, isOn: sky.isOn, pace },
    fault: () => noted(record, sky.isOn() ? sky.toFunction() : undefined),
  });
}

function noted(record: Chronicle, fault: Fault | undefined): Fault | undefined {
  if (fault !== undefined) record.fault(faultName(fault));
  return fault;
}

async function brokerTo({ port }: Edge, { seed, pace, sky }: ProductPlace): Promise<Server> {
  const addressOf = (name: FunctionName): Address => ({ port, path: `/${name}` });
  const broker = startBroker({ port: 0, addressOf, mishaps: sky.mishaps, chance: chance(seed, 'broker'), pace });
  await once(broker, 'listening');
  return broker;
}

function sinkOf(edge: Edge, broker: Server | undefined): Readonly<Record<string, string>> {
  const at = broker?.address();
  if (typeof at === 'object' && at !== null) return { K_SINK: `http://localhost:${at.port}/` };
  const routes = Object.fromEntries(functionNames.map((name) => [name, `${edge.url}/${name}`]));
  return { ROUTES: JSON.stringify(routes) };
}

const flagsOf = ({ url }: Edge, { seed, kubeconfig }: ProductPlace): readonly string[] => [
  ...[`--kubeconfig=${kubeconfig}`, `--master=${url}`, '--image-cache-refresh-frequency=0s'],
  `--leader-election=${chance(seed, 'lease').is(0.1)}`,
];

/** The heartbeat comes from outside, so that it can be told when; no registry can be reached under the names used. */
const usual = ({ namespace }: ProductPlace): Readonly<Record<string, string>> => ({
  KUBEFLEDGED_NAMESPACE: namespace,
  TICK_SCHEDULE: '',
});
