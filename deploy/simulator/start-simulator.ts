import { readFile, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { parse, stringify } from 'yaml';
import { type Core, createRegistry } from './api/core.ts';
import { apiServer, portOf } from './api/http/server.ts';
import { customResourceDefinitions, customResource, establishedCrd } from './api/kinds/custom-resource.ts';
import { namespaces } from './api/kinds/plain.ts';
import { nodes } from './api/kinds/node.ts';
import { wireTime } from './api/kube-object.ts';
import type { Resource } from './api/resource.ts';
import { createStore } from './api/store.ts';
import { type Clock, systemClock, type Timings, defaultTimings } from './timings.ts';
import { objectOperations, type Controller, type World } from './controllers/controller.ts';
import { garbageCollector, namespaceController } from './controllers/garbage-collector.ts';
import { jobController } from './controllers/job-controller.ts';
import { nodeController } from './controllers/node-controller.ts';
import type { Program } from './controllers/image-store.ts';
import { quotaController } from './controllers/quota-controller.ts';
import { scheduler } from './controllers/scheduler.ts';
import { type JsonObject, isObject } from './json.ts';

export type SimulatorOptions = {
  /** Port on 127.0.0.1. Default 0: any that is free. */
  readonly port?: number;
  /** How many simulated nodes there are at first. Default 3. */
  readonly nodes?: number;
  /** Files of the CustomResourceDefinitions to serve. */
  readonly crds: readonly string[];
  readonly timings?: Partial<Timings>;
  /** What containers do. Default: they run for a moment, or for as long as their `sleep`, and exit with 0. */
  readonly program?: Program;
  /** How many changes of each kind a watch can still replay; older versions are answered with 410. Default 5,000. */
  readonly history?: number;
  /** Whether controllers and kubelets record Events, most of what large rounds write. Default true. */
  readonly recordsEvents?: boolean;
  readonly clock?: Clock;
  /** Reports failures of the simulator itself. Default: standard error. */
  readonly failed?: (what: string, error: unknown) => void;
};

/** A small Kubernetes on loopback, in memory: for trying out and for tests, never for production. */
export type Simulator = {
  /** Its URL, as in `http://127.0.0.1:34567`. */
  readonly server: string;
  /** Writes a kubeconfig to a file, readable by its owner only. */
  readonly kubeconfig: (path: string) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const controllers: readonly Controller[] = [
  namespaceController,
  nodeController,
  scheduler,
  jobController,
  garbageCollector,
  quotaController,
];

/** CRDs by their text: a process with many simulators compiles each once. */
const compiled = new Map<string, { readonly crd: JsonObject; readonly resource: Resource }>();

const compiledCrd = (text: string, path: string): { readonly crd: JsonObject; readonly resource: Resource } => {
  const known = compiled.get(text);
  if (known !== undefined) return known;
  const crd: unknown = parse(text);
  if (!isObject(crd)) throw new Error(`${path} is no CustomResourceDefinition`);
  const made = { crd, resource: customResource(crd) };
  compiled.set(text, made);
  return made;
};

const serveCrd = async (world: World, path: string): Promise<void> => {
  const { crd, resource } = compiledCrd(await readFile(path, 'utf8'), path);
  world.core.registry.add(resource);
  world.operations.create(customResourceDefinitions, '', establishedCrd(crd, wireTime(world.core.clock.now())));
};

const populate = async (world: World, { crds, nodes: count = 3 }: SimulatorOptions): Promise<void> => {
  for (const name of ['default', 'kube-node-lease', 'kube-public', 'kube-system'])
    world.operations.create(namespaces, '', { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const path of crds) await serveCrd(world, path);
  for (let number = 1; number <= count; number += 1)
    world.operations.create(nodes, '', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: `node-${number}` },
      spec: {},
    });
};

const cannotListen = (port: number, error: Error): string =>
  'code' in error && error.code === 'EADDRINUSE'
    ? `port ${port} of 127.0.0.1 is taken: name another one, or 0 for any that is free`
    : `cannot listen on port ${port} of 127.0.0.1: ${error.message}`;

const listening = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(new Error(cannotListen(port, error), { cause: error }));
    server.once('error', failed);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', failed);
      resolve();
    });
  });

const kubeconfigOf = (server: string): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    // client-node takes plain HTTP only with this setting.
    clusters: [{ name: 'simulator', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'simulator', user: {} }],
    contexts: [{ name: 'simulator', context: { cluster: 'simulator', user: 'simulator', namespace: 'default' } }],
    'current-context': 'simulator',
  });

const report = (what: string, error: unknown): void =>
  void process.stderr.write(
    `simulator: ${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );

/** Starts a small Kubernetes on loopback. Throws where the port is taken or a CRD cannot be served. */
export const startSimulator = async (options: SimulatorOptions): Promise<Simulator> => {
  const clock = options.clock ?? systemClock;
  // Versions begin at the time in seconds: so those of an earlier cluster are always older, and its watches end in 410.
  const store = createStore(Math.floor(clock.now() / 1000), options.history ?? 5_000);
  const core: Core = { store, registry: createRegistry(), clock };
  const world: World = {
    core,
    operations: objectOperations(core, 'simulator', options),
    timings: { ...defaultTimings, ...options.timings },
    program: options.program,
    failed: options.failed ?? report,
  };
  await populate(world, options);
  const http = apiServer(core);
  await listening(http, options.port ?? 0);
  const stops = controllers.map((controller) => controller(world));
  const server = `http://127.0.0.1:${portOf(http)}`;
  return {
    server,
    kubeconfig: (path) => writeFile(path, kubeconfigOf(server), { mode: 0o600 }),
    stop: () =>
      new Promise((resolve) => {
        for (const stop of stops) stop();
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
};
