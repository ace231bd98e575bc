import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readConfig } from '#runtime/config/config.ts';
import { createLog } from '#runtime/process/log.ts';
import {
  type ApiClient,
  crdFile,
  eventually,
  isObject,
  listAt,
  numberAt,
  testSimulator,
  textAt,
} from '@imagecache-functions/simulator/testing';
import { table } from '../../deploy/plugin/table.ts';
import { runPlugin } from '../../deploy/plugin/run.ts';
import { startStandalone } from '../../deploy/standalone/start-standalone.ts';

/** The troubles of docs/troubles.md on simulated clusters of three nodes, with a cache `web` in the namespace `default`. */

export type Trouble = {
  /** Where the page tells of it. */
  readonly heading: string;
  readonly spec: object;
  /** The spec that `plan` is asked for; default the same. */
  readonly planned?: object;
  /** Prepares the cluster before the cache is applied. */
  readonly before?: (ask: ApiClient) => Promise<void>;
  /** Begins the trouble once all images are there. */
  readonly afterwards?: (ask: ApiClient) => Promise<void>;
};

const cart = 'registry.example.com/shop/cart:1';
const images = (...more: readonly string[]) => ({ cacheSpec: [{ images: [cart, ...more] }] });

export const troubles: readonly Trouble[] = [
  {
    heading: 'A tag that does not exist',
    spec: images('registry.example.com/shop/mail:missing'),
    planned: images('registry.example.com/shop/mail:7'),
  },
  { heading: 'A registry that cannot be reached', spec: images('registry.local:5000/shop/unreachable:1') },
  {
    heading: 'A node that is not Ready',
    spec: images(),
    afterwards: (ask) => patched(ask, '/api/v1/nodes/node-2/status', { status: { conditions: [notReady] } }),
  },
  {
    heading: 'A warm gate that holds a node',
    spec: {
      cacheSpec: [{ images: ['registry.example.com/shop/hang:1'], nodeSelector: { pool: 'web' } }],
      warmGate: { taintKey: 'example.com/cold', timeoutSeconds: 900 },
    },
    before: (ask) =>
      created(ask, '/api/v1/nodes', {
        ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-4', labels: { pool: 'web' } } },
        spec: { taints: [{ key: 'example.com/cold', effect: 'NoSchedule' }] },
      }),
  },
  {
    heading: 'A quota that forbids Pods',
    spec: images(),
    before: (ask) =>
      created(ask, '/api/v1/namespaces/default/resourcequotas', {
        ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none' } },
        spec: { hard: { pods: '0' } },
      }),
  },
];

const notReady = { type: 'Ready', status: 'Unknown', reason: 'NodeStatusUnknown', message: '' };

const manifest = (spec: object) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name: 'web' },
  spec,
});
const path = '/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches';

async function created(ask: ApiClient, to: string, body: object): Promise<void> {
  const { status, body: answer } = await ask({ method: 'POST', path: to, body });
  if (status !== 201) throw new Error(`POST ${to}: ${status} ${JSON.stringify(answer)}`);
}

async function patched(ask: ApiClient, to: string, body: object): Promise<void> {
  const { status } = await ask({ method: 'PATCH', path: to, body, type: 'application/merge-patch+json' });
  if (status !== 200) throw new Error(`PATCH ${to}: ${status}`);
}

/** Runs a command of the page, and returns what a terminal shows below it. */
export type Shell = (command: string) => Promise<string>;

/** A cluster in that trouble. */
export async function inTrouble(
  trouble: Trouble,
  folder: string,
): Promise<{ shell: Shell; stop: () => Promise<void> }> {
  const cluster = await testSimulator({ crds: [crdFile, await deploymentsIn(folder)] });
  await installed(cluster.ask);
  await trouble.before?.(cluster.ask);
  await eventually(() => areReady(cluster.ask), Boolean);
  const config = { ...readConfig(flags, { PORT: '0' }), kubeconfig: cluster.kubeconfig };
  const log = createLog('fatal');
  const product = await startStandalone(config, { host: '127.0.0.1', lockFolder: folder, log });
  await created(cluster.ask, path, manifest(trouble.spec));
  const shell: Shell = (command) => run(command, cluster, trouble);
  if (trouble.afterwards !== undefined) {
    await shell('kubectl imagecache wait web');
    await trouble.afterwards(cluster.ask);
  }
  return {
    shell,
    stop: async () => {
      await product.stop();
      await cluster.stop();
    },
  };
}

/** A cache of nodes that are not Ready yet has a first round without nodes. */
async function areReady(ask: ApiClient): Promise<boolean> {
  const { body } = await ask({ method: 'GET', path: '/api/v1/nodes' });
  const isReady = (node: unknown): boolean =>
    listAt(node, 'status', 'conditions').some(
      (each) => textAt(each, 'type') === 'Ready' && textAt(each, 'status') === 'True',
    );
  return listAt(body, 'items').every(isReady);
}

const flags = ['--warm-gate-taints=example.com/cold', '--warm-gate-namespaces=default'];

/** The simulator has no Deployments: the plugin reads settings of one, so it is a custom resource here. */
async function deploymentsIn(folder: string): Promise<string> {
  const file = join(folder, 'deployments.yaml');
  const names = { kind: 'Deployment', plural: 'deployments', singular: 'deployment', listKind: 'DeploymentList' };
  const openAPIV3Schema = {
    type: 'object',
    properties: { spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  };
  const versions = [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }];
  const crd = {
    ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
    ...{ metadata: { name: 'deployments.apps' }, spec: { group: 'apps', scope: 'Namespaced', names, versions } },
  };
  await writeFile(file, JSON.stringify(crd));
  return file;
}

async function installed(ask: ApiClient): Promise<void> {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kube-fledged' } };
  await created(ask, '/api/v1/namespaces', namespace);
  await created(ask, '/apis/apps/v1/namespaces/kube-fledged/deployments', {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment' },
    metadata: { name: 'imagecache-functions', labels: { 'app.kubernetes.io/name': 'imagecache-functions' } },
    spec: { template: { spec: { containers: [{ args: flags }] } } },
  });
}

type Cluster = { readonly ask: ApiClient; readonly kubeconfig: string };

async function run(command: string, { ask, kubeconfig }: Cluster, trouble: Trouble): Promise<string> {
  if (command === 'kubectl get imagecache web') return tableOf(ask);
  const [, line = '', echo = ''] = /^kubectl imagecache (.*?)(; echo \$\?)?$/.exec(command) ?? [];
  const lines: string[] = [];
  const code = await runPlugin(
    line.replace(/-f \S+/, '-f -').split(' '),
    { KUBECONFIG: kubeconfig },
    {
      print: (text) => void lines.push(text),
      note: (text) => void lines.push(text),
      width: undefined,
      input: () => Promise.resolve(JSON.stringify(manifest(trouble.planned ?? trouble.spec))),
      colour: (_, text) => text,
    },
  );
  return [...lines, ...(echo === '' ? [] : [String(code)])].join('\n');
}

/** What `kubectl get` prints: the columns that it shows of the API server's table. */
async function tableOf(ask: ApiClient): Promise<string> {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { body } = await ask({ method: 'GET', path: `${path}/web`, accept });
  const columns = listAt(body, 'columnDefinitions').filter(isObject);
  const cells = listAt(listAt(body, 'rows')[0], 'cells').map(cellText);
  const shown = columns.flatMap((column, index) =>
    (numberAt(column, 'priority') ?? 0) === 0 ? [[textAt(column, 'name').toUpperCase(), cells[index] ?? '']] : [],
  );
  const titles = shown.map(([title = '']) => ({ title }));
  return table(titles, [shown.map(([, cell = '']) => cell)]).join('\n');
}

const cellText = (cell: unknown): string =>
  typeof cell === 'string' ? cell : cell === null || cell === undefined ? '' : JSON.stringify(cell);

/** A transcript without what differs from run to run: times, ages, generated names, and how it is laid out. */
export const comparable = (text: string): string =>
  text
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/\b(?:\d+[dhms])+\b/g, 'AGE')
    .replaceAll(/\bweb-[0-9a-f]{12}-\w{5}\b/g, 'POD')
    .trim();
