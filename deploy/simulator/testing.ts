import { mkdtemp, rm, readFile } from 'node:fs/promises';
import { tmpdir, homedir } from 'node:os';
import { join, delimiter } from 'node:path';
import { startSimulator, type SimulatorOptions } from './start-simulator.ts';
import type { Timings } from './timings.ts';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { parse } from 'yaml';
import { isObject, listAt, objectAt, textAt } from './json.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { execFile } from 'node:child_process';
import { accessSync, constants, globSync } from 'node:fs';

/** A simulator that hurries: pulls of some milliseconds, back-offs of a tenth of a second. */
const hurried: Partial<Timings> = {
  nodeReady: 20,
  pull: [5, 20],
  slowPull: 400,
  hang: 60_000,
  backOff: 150,
  sandbox: 10,
  run: 10,
  settle: 20,
  jobSync: 20,
  nodeStatus: 20,
  podCleanup: 50,
};

export type TestSimulator = {
  readonly ask: ApiClient;
  readonly server: string;
  readonly kubeconfig: string;
  readonly stop: () => Promise<void>;
};

export const crdFile = join(import.meta.dirname, '../../crds/imagecache.yaml');

/** Starts one with our CRD and whatever else is wished, on a free port; its own failures fail the test that stops it. */
export const testSimulator = async (options: Partial<SimulatorOptions> = {}): Promise<TestSimulator> => {
  const failures: string[] = [];
  const cluster = await startSimulator({
    crds: [crdFile],
    timings: hurried,
    failed: (what, error) => failures.push(`${what}: ${String(error)}`),
    ...options,
  });
  const folder = await mkdtemp(join(tmpdir(), 'simulator-'));
  const kubeconfig = join(folder, 'kubeconfig');
  await cluster.kubeconfig(kubeconfig);
  return {
    ask: await apiClient(kubeconfig),
    server: cluster.server,
    kubeconfig,
    stop: async () => {
      await cluster.stop();
      await rm(folder, { recursive: true });
      if (failures.length > 0) throw new Error(failures.join('\n'));
    },
  };
};

export type Answer = {
  readonly status: number;
  /** The parsed body; its text where it is not JSON. */
  readonly body: unknown;
  readonly warnings: readonly string[];
};

type Sent = {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly type?: string;
  readonly accept?: string;
};

export type ApiClient = (sent: Sent) => Promise<Answer>;

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const fileOrData = async (object: unknown, field: string): Promise<Buffer | undefined> => {
  const [file, data] = [textAt(object, field), textAt(object, `${field}-data`)];
  if (data !== '') return Buffer.from(data, 'base64');
  return file === '' ? undefined : readFile(file);
};

/** Plain requests to the cluster of a kubeconfig, nothing retried and nothing interpreted. */
export const apiClient = async (kubeconfig: string): Promise<ApiClient> => {
  const config: unknown = parse(await readFile(kubeconfig, 'utf8'));
  const cluster = objectAt(listAt(config, 'clusters')[0], 'cluster');
  const user = objectAt(listAt(config, 'users')[0], 'user');
  const tls = {
    ca: await fileOrData(cluster, 'certificate-authority'),
    cert: await fileOrData(user, 'client-certificate'),
    key: await fileOrData(user, 'client-key'),
  };
  const server = textAt(cluster, 'server');
  const send = server.startsWith('https:') ? tlsRequest : plainRequest;
  return ({ method, path, body, type = 'application/json', accept = 'application/json' }) =>
    new Promise((resolve, reject) => {
      const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body));
      const headers = {
        accept,
        ...(body === undefined ? {} : { 'content-type': type }),
        'content-length': bytes.length,
      };
      const sent = send(new URL(path, server), { method, headers, ...tls }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => {
          const { warning } = response.headers;
          const found = parsed(text);
          resolve({
            status: response.statusCode ?? 0,
            body: isObject(found) ? found : text,
            warnings: warning === undefined ? [] : [warning].flat(),
          });
        });
      });
      sent.on('error', reject);
      sent.end(bytes);
    });
};

/** The first answer that is wanted, asked for again and again. Throws with the last one after five seconds. */
export const eventually = async <T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> => {
  const end = Date.now() + 5_000;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer)}`);
    await sleep(15);
  }
};

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The kubectl of the PATH and that of the lab, as far as they are there; their versions need not be ours. */
export const kubectls = (): readonly string[] => {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'kubectl'));
  const first = onPath.find(isProgram);
  const ofLab = globSync(join(homedir(), '.cache/imagecache-functions/bin-*/kubectl')).find(isProgram);
  return [...new Set([first, ofLab].filter((path) => path !== undefined))];
};

type Ran = { readonly code: number; readonly out: string };
export type Kubectl = (command: string, input?: unknown) => Promise<Ran>;

/** Runs commands with it, words split at spaces; what it prints on either stream comes as one, warnings of version skew left out. */
export const kubectlAt =
  (program: string, kubeconfig: string, env: Readonly<Record<string, string>> = {}): Kubectl =>
  (command, input) =>
    new Promise((resolve) => {
      const options = {
        // It ends before collecting garbage is worth its time.
        env: { ...process.env, KUBECONFIG: kubeconfig, KUBECTL_KUBERC: 'false', GOGC: 'off', ...env },
        timeout: 15_000,
      };
      const child = execFile(program, command.split(' '), options, (error, stdout, stderr) => {
        const out = `${stdout}${stderr}`.replaceAll(/^WARNING: version difference.*\n/gm, '');
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : 1, out });
      });
      child.stdin?.end(input === undefined ? '' : JSON.stringify(input));
    });

/** What tests read answers with. */
export { isList, isObject, type JsonObject, listAt, numberAt, objectAt, textAt } from './json.ts';
export { matchesLabels, parseLabelSelector } from './api/selectors.ts';
