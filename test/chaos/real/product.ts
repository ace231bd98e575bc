import { once } from 'node:events';
import type { Server } from 'node:http';
import { functionNames, type FunctionName } from '#model/cache/cloud-event.ts';
import { startBroker, type DeliveryFaults } from '../broker.ts';
import { seededRandom } from '../seeded-random.ts';
import type { RunRecord } from '../run-record.ts';
import type { ApiRequest, Fault } from '../faults.ts';
import { faultName } from '../fault-plan.ts';
import type { Address } from '../post-event.ts';
import { profiles, type Profile } from '../processes.ts';
import { keepRunning, type Child } from './child.ts';
import { startFaultProxy, type FaultProxy } from './fault-proxy.ts';

/** The product's programs as files that Node runs. */
export type Programs = Readonly<Record<'standalone' | 'sources' | 'functions', string>>;

export type ProductPlace = {
  readonly seed: number;
  readonly programs: Programs;
  readonly kubeconfig: string;
  /** Flags of the scenario. */
  readonly flags: readonly string[];
  /** The API server for this product only. */
  readonly api: string;
  readonly namespace: string;
  /** The value of the label `pool` of its nodes; it does not see others. */
  readonly pool: string;
  readonly record: RunRecord;
  readonly log: (line: string) => void;
  /** The factor of delays. */
  readonly pace: number;
  readonly faults: {
    readonly isOn: () => boolean;
    readonly toApi: (asked: ApiRequest) => Fault | undefined;
    readonly toFunction: () => Fault | undefined;
    readonly deliveryFaults: () => DeliveryFaults;
  };
};

/** The product in one process or two, with faults between its parts and the API server. */
export type ChaoticProduct = {
  readonly profile: Profile;
  /** The address at which a function receives ticks; undefined while its process is down. */
  readonly addressOf: (name: FunctionName) => Address | undefined;
  /** The proxies to the API server. */
  readonly proxies: readonly FaultProxy[];
  readonly stop: () => void;
};

/** Starts the product in the profile of the seed. */
export async function startProduct(place: ProductPlace): Promise<ChaoticProduct> {
  const { seed, programs } = place;
  const profile = seededRandom(seed, 'profile').pick(profiles);
  const children = new Map<string, Child>();
  const proxies: FaultProxy[] = [];
  const run = async (name: keyof Programs, env: Readonly<Record<string, string>>): Promise<void> => {
    const proxy = await apiProxy(name, () => children.get(name)?.kill(), place);
    proxies.push(proxy);
    const program = { name, file: programs[name], flags: flagsOf(proxy, place), env: { ...usual(place), ...env } };
    children.set(name, keepRunning(program, seededRandom(seed, `child ${name}`), place.log));
  };
  const functions = profile === 'standalone' ? 'standalone' : 'functions';
  const addressOf = (name: FunctionName): Address | undefined => {
    const port = children.get(functions)?.port();
    return port === undefined ? undefined : { port, path: `/${name}` };
  };
  await run(functions, {});
  const between =
    profile === 'standalone' ? undefined : await functionProxy(() => children.get(functions)?.port(), place);
  const broker = profile === 'broker' && between !== undefined ? await brokerTo(between, place) : undefined;
  if (between !== undefined) await run('sources', sinkOf(between, broker));
  return {
    profile,
    addressOf,
    proxies,
    stop: () => {
      for (const child of children.values()) child.stop();
      for (const proxy of [...proxies, between]) proxy?.close();
      broker?.close();
      broker?.closeAllConnections();
    },
  };
}

function apiProxy(
  name: string,
  kill: () => void,
  { api, pool, record, pace, faults }: ProductPlace,
): Promise<FaultProxy> {
  return startFaultProxy({
    ...{ target: () => api, client: { name, isDead: false }, kill, isOn: faults.isOn, pace },
    path: (asked) => asked.replace(/^\/api\/v1\/nodes(?:\?|$)/, `/api/v1/nodes?labelSelector=pool%3D${pool}&`),
    fault: ({ method = '', url: path = '' }) => {
      record.request(name, `${method} ${path}`);
      return noted(record, faults.isOn() ? faults.toApi({ method, path }) : undefined);
    },
  });
}

function functionProxy(port: () => number | undefined, { record, pace, faults }: ProductPlace): Promise<FaultProxy> {
  return startFaultProxy({
    target: () => {
      const to = port();
      return to === undefined ? undefined : `http://localhost:${to}`;
    },
    ...{ client: { name: 'sources', isDead: false }, kill: () => undefined, isOn: faults.isOn, pace },
    fault: () => noted(record, faults.isOn() ? faults.toFunction() : undefined),
  });
}

function noted(record: RunRecord, fault: Fault | undefined): Fault | undefined {
  if (fault !== undefined) record.fault(faultName(fault));
  return fault;
}

async function brokerTo({ port }: FaultProxy, { seed, pace, faults }: ProductPlace): Promise<Server> {
  const addressOf = (name: FunctionName): Address => ({ port, path: `/${name}` });
  const broker = startBroker({
    port: 0,
    addressOf,
    deliveryFaults: faults.deliveryFaults,
    chance: seededRandom(seed, 'broker'),
    pace,
  });
  await once(broker, 'listening');
  return broker;
}

function sinkOf(proxy: FaultProxy, broker: Server | undefined): Readonly<Record<string, string>> {
  const at = broker?.address();
  if (typeof at === 'object' && at !== null) return { K_SINK: `http://localhost:${at.port}/` };
  const routes = Object.fromEntries(functionNames.map((name) => [name, `${proxy.url}/${name}`]));
  return { ROUTES: JSON.stringify(routes) };
}

const flagsOf = ({ url }: FaultProxy, { seed, kubeconfig, flags }: ProductPlace): readonly string[] => [
  ...[`--kubeconfig=${kubeconfig}`, `--master=${url}`, '--image-cache-refresh-frequency=0s'],
  `--leader-election=${seededRandom(seed, 'lease').is(0.1)}`,
  ...flags,
];

/** Ticks are sent from outside, so that their times can be controlled; the registries in use are not reachable. */
const usual = ({ namespace }: ProductPlace): Readonly<Record<string, string>> => ({
  KUBEFLEDGED_NAMESPACE: namespace,
  TICK_SCHEDULE: '',
  RECEIVE_EVENTS: 'true',
});
