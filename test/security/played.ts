import { spawn } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { jobAnnotations } from '#model/cache/api.ts';
import type { Settings } from '#model/cache/settings.ts';
import { holdBodies } from './attacks/hold-bodies.ts';
import { postLargeBatch } from './attacks/large-batch.ts';
import { readSlowly } from './attacks/slow-readers.ts';
import { changed } from '../deploy/helm/forbidden-jobs.ts';
import { pull } from '../deploy/helm/product-jobs.ts';
import { hostileJobs } from './hostile-jobs.ts';
import type { Kubectl } from './kubectl.ts';
import { liveness } from './liveness.ts';
import { statusOf } from './status-of.ts';

/** The installation that is attacked. */
export type Victim = {
  readonly kubectl: Kubectl;
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly workload: string;
  readonly account: string;
  readonly settings: Settings;
  /** Of the process, if it listens on this machine; else ''. */
  readonly port: string;
};

export type Played = {
  readonly number: number;
  readonly what: string;
  /** Undefined if it could not be played. */
  readonly held: boolean | undefined;
  readonly detail: string;
};

type Result = Pick<Played, 'held' | 'detail'>;
type Step = { readonly number: number; readonly what: string } & (
  { readonly tries: (victim: Victim) => Promise<Result> } | { readonly sends: (port: number) => Promise<Result> }
);

/**
 * All attacks that need no more than kubectl, worst first. Numbers are those of the findings; those of the second team follow
 * after 16. Of these, a hanging registry (17), what a purge removes (18, 20), how many removals run (22), ports (24) and
 * budgets (25) need nodes and registries: tests play them, which docs/security.md names. 19 and 27 are Jobs of 5.
 */
export const steps: readonly Step[] = [
  { number: 1, what: 'as the account of the functions, gives a Node an owner that does not exist', tries: ownNode },
  { number: 6, what: 'as this account, gives a Node a taint that evicts all Pods', tries: taintNode },
  {
    number: 5,
    what: 'as this account, creates Jobs that webhooks and runtimes give more, or that never go',
    tries: createJobs,
  },
  { number: 10, what: 'as this account, records an Event with a finalizer that nobody removes', tries: recordEvent },
  {
    number: 2,
    what: 'creates a cache with the priority of the system, 200 pulls per node and no end, for no node',
    tries: (victim) => isRefused(victim, { cacheSpec: [onNoNode(['a'])], ...greedy }),
  },
  {
    number: 11,
    what: 'creates a cache of 9,000 long names, for no node',
    tries: (victim) => isRefused(victim, { cacheSpec: longNames.map((names) => onNoNode(names)) }),
  },
  {
    number: 21,
    what: 'creates a cache with a priority class that no operator lists, for no node',
    tries: (victim) => isRefused(victim, { cacheSpec: [onNoNode(['a'])], priorityClassName: 'attack' }),
  },
  {
    number: 23,
    what: 'creates a cache whose Pods have labels of a neighbour, for no node',
    tries: (victim) =>
      isRefused(victim, { cacheSpec: [onNoNode(['a'])], podMetadata: { labels: { 'attack.example/pdb': 'a' } } }),
  },
  {
    number: 28,
    what: 'creates a cache that takes the images of all workloads, for no node',
    tries: namesWorkloads,
  },
  { number: 9, what: 'creates a cache of 100,000 images in reverse order', tries: createLargeCache },
  { number: 26, what: 'reads the status page at the port of the functions', sends: readPage },
  { number: 15, what: 'reads metrics and status by another name, and posts as a page of another site', sends: asPage },
  {
    number: 3,
    what: 'holds 130 connections with 2 MiB each, then 1,000 that say nothing, then reads nothing',
    sends: hold,
  },
  { number: 8, what: 'posts ten batches of 2 MB and hangs up', sends: postBatches },
];

/** Plays steps and says what became of each. */
export async function played(chosen: readonly Step[], victim: Victim): Promise<readonly Played[]> {
  const outcomes: Played[] = [];
  const forward =
    victim.port === '' ? await portForward(victim) : { port: Number(victim.port), close: () => undefined };
  try {
    for (const step of chosen) {
      const { number, what } = step;
      const result = 'tries' in step ? step.tries(victim) : step.sends(forward.port);
      outcomes.push({ number, what, ...(await result.catch(failed)) });
    }
  } finally {
    forward.close();
  }
  return outcomes;
}

const failed = (error: unknown): Result => ({
  held: undefined,
  detail: error instanceof Error ? error.message : String(error),
});

const as = ({ namespace, account }: Victim): string => `--as=system:serviceaccount:${namespace}:${account}`;
const line = (text: string): string => (text.trim().split('\n')[0] ?? '').slice(0, 160);

async function ownNode(victim: Victim): Promise<Result> {
  const { stdout } = await victim.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}']);
  const uid = '00000000-0000-0000-0000-000000000000';
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: 'no-such-node', uid }];
  const patch = JSON.stringify({ metadata: { ownerReferences } });
  const args = ['patch', 'node', stdout.trim(), '--type=merge', '-p', patch, '--dry-run=server', as(victim)];
  return refusedBy(await victim.kubectl(args));
}

async function taintNode(victim: Victim): Promise<Result> {
  const { stdout } = await victim.kubectl(['get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}']);
  const taint = { key: 'example.com/attack', effect: 'NoExecute' };
  const patch = JSON.stringify([{ op: 'add', path: '/spec/taints', value: [taint] }]);
  const args = ['patch', 'node', stdout.trim(), '--type=json', '-p', patch, '--dry-run=server', as(victim)];
  return refusedBy(await victim.kubectl(args));
}

async function recordEvent(victim: Victim): Promise<Result> {
  const metadata = { name: 'attack', namespace: 'default', finalizers: ['example.com/forever'] };
  const involvedObject = { kind: 'ImageCache', namespace: 'default', name: 'web' };
  const event = { apiVersion: 'v1', kind: 'Event', metadata, involvedObject, reason: 'Any', message: 'any' };
  return refusedBy(await victim.kubectl(['create', '--dry-run=server', '-f', '-', as(victim)], JSON.stringify(event)));
}

async function createJobs(victim: Victim): Promise<Result> {
  const { namespace, account, settings } = victim;
  const jobs = hostileJobs({ name: '', namespace, accounts: [account], from: [], settings });
  // Their caches are in a namespace that each cluster has.
  const inDefault = (job: object): object =>
    (job as { metadata: { namespace: string } }).metadata.namespace === namespace
      ? job
      : changed(
          changed(job, ['metadata', 'namespace'], 'default'),
          ['metadata', 'annotations', jobAnnotations.cache],
          'default/web',
        );
  const items = jobs.map(({ job }) => inDefault(job));
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const args = ['create', '--dry-run=server', '--validate=false', '-o', 'name', '-f', '-', as(victim)];
  const own = await victim.kubectl(args, JSON.stringify(inDefault(pull({ settings }))));
  if (own.code !== 0)
    throw new Error(
      `the product's own Job is refused (NOOP_IMAGE and REMOVAL_IMAGE as installed?): ${line(own.stderr)}`,
    );
  const { stdout, stderr } = await victim.kubectl(args, input);
  throwIfNotPlayed(stderr);
  const created = stdout.split('\n').filter((name) => name !== '').length;
  return { held: created === 0, detail: `${created} of ${jobs.length} were taken; ${line(stderr)}` };
}

const greedy = { priorityClassName: 'system-node-critical', pullsPerNode: 200, pullDeadlineSeconds: 2_147_483_647 };
const noNode = { nodeSelector: { 'example.com/attack': 'no-such-node' } };
const onNoNode = (images: readonly string[]) => ({ images, ...noNode });
const longNames = Array.from({ length: 9 }, (_, list) =>
  Array.from({ length: 1000 }, (_each, index) => `registry.example/${list}/${index}-`.padEnd(130, 'a')),
);

/** Creates the cache, and deletes it again: it is refused by admission, or by the product within 30 s, in its status. */
function isRefused(victim: Victim, spec: object): Promise<Result> {
  return isSaid(victim, spec, { path: '{.status.conditions[?(@.type=="Stalled")].message}', word: 'Refused' });
}

/** The images of workloads are not listed, unless the operator lets caches have them. */
function namesWorkloads(victim: Victim): Promise<Result> {
  if (victim.settings.workloadKinds.length > 0)
    return Promise.resolve({ held: undefined, detail: 'workloads.kinds lets caches name workloads' });
  const expected = { path: '{.status.imagesFrom.problem}', word: 'WORKLOAD_KINDS' };
  return isSaid(victim, { cacheSpec: [{ ...noNode, imagesFrom: { kinds: ['Deployment'] } }] }, expected);
}

async function isSaid(
  victim: Victim,
  spec: object,
  { path, word }: { readonly path: string; readonly word: string },
): Promise<Result> {
  const { kubectl, namespace } = victim;
  const { code, stderr } = await kubectl(['create', '-f', '-'], JSON.stringify(cacheOf(namespace, spec)));
  if (code !== 0) return refusedBy({ code, stdout: '', stderr });
  const which = ['imagecache', 'attack', '-n', namespace];
  try {
    const end = performance.now() + 30_000;
    while (performance.now() < end) {
      const { stdout } = await kubectl(['get', ...which, '-o', `jsonpath=${path}`]);
      if (stdout.includes(word)) return { held: true, detail: line(stdout) };
      await pause(500);
    }
    return { held: false, detail: 'its status does not say that it is refused' };
  } finally {
    await kubectl(['delete', ...which]);
  }
}

/** Without effect whether it is refused or taken, as long as it is decided soon. */
async function createLargeCache(victim: Victim): Promise<Result> {
  const images = Array.from({ length: 100_000 }, (_, number) => `i${String(100_000 - number).padStart(6, '0')}`);
  const begin = performance.now();
  const { stderr } = await createdCache(victim, { cacheSpec: [{ images }] });
  throwIfNotPlayed(stderr);
  const seconds = Math.round((performance.now() - begin) / 1000);
  return { held: seconds < 10, detail: `decided within ${seconds} s; ${line(stderr)}` };
}

const createdCache = ({ kubectl, namespace }: Victim, spec: object): ReturnType<Kubectl> =>
  kubectl(['create', '--dry-run=server', '-o', 'name', '-f', '-'], JSON.stringify(cacheOf(namespace, spec)));

const cacheOf = (namespace: string, spec: object): object => ({
  ...{ apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache', metadata: { name: 'attack', namespace }, spec },
});

function refusedBy({ code, stderr }: Awaited<ReturnType<Kubectl>>): Result {
  throwIfNotPlayed(stderr);
  return { held: code !== 0 && /denied|invalid|forbidden/i.test(stderr), detail: line(stderr) };
}

/** An attack that could not be tried has not been held off. */
function throwIfNotPlayed(stderr: string): void {
  if (/not found|impersonate|unable to connect|no matches for kind|doesn't have a resource type/i.test(stderr))
    throw new Error(line(stderr));
}

async function readPage(port: number): Promise<Result> {
  const paths = ['/', '/status', '/status/api/caches'];
  const answers = await Promise.all(paths.map((path) => statusOf(port, { path })));
  return { held: answers.every((status) => status >= 400), detail: `answered ${answers.join(', ')}` };
}

async function asPage(port: number): Promise<Result> {
  const page = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
  const answers = await Promise.all([
    statusOf(port, { path: '/metrics', headers: { host: 'evil.example' } }),
    statusOf(port, { path: '/status/api/caches', headers: { host: 'evil.example' } }),
    statusOf(port, { path: '/refresh', method: 'POST', headers: page }),
  ]);
  return { held: answers.every((status) => status >= 400), detail: `answered ${answers.join(', ')}` };
}

async function hold(port: number): Promise<Result> {
  let result: Result = { held: undefined, detail: '' };
  for (const held of [
    () => holdBodies({ port, path: '/reconcile', connections: 130 }),
    () => holdBodies({ port, path: '/reconcile', connections: 1000, bytes: 1 }),
    () => Promise.resolve(readSlowly(port, 100)),
  ]) {
    const { close } = await held();
    await pause(3000);
    close();
    // Each by itself: a slow machine would otherwise have to work off all of them within the time of one.
    result = await liveness(port);
    if (result.held !== true) return result;
  }
  return result;
}

async function postBatches(port: number): Promise<Result> {
  const url = `http://127.0.0.1:${port}/reconcile`;
  await Promise.all(Array.from({ length: 10 }, () => postLargeBatch(url, 1500)));
  return liveness(port);
}

/** The port of the process on this machine, through kubectl, until it is closed. */
function portForward({ kubeconfig, namespace, workload }: Victim): Promise<{ port: number; close: () => void }> {
  const child = spawn('kubectl', ['--kubeconfig', kubeconfig, '-n', namespace, 'port-forward', workload, ':8080']);
  return new Promise((resolve, reject) => {
    let said = '';
    const read = (text: string): void => {
      said += text;
      const port = /127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve({ port: Number(port), close: () => void child.kill() });
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    child.on('error', reject).on('close', () => reject(new Error(`kubectl port-forward ended: ${said.trim()}`)));
  });
}
