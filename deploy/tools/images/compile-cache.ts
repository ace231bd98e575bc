import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { functionNames } from '../../../functions/model/cache/cloud-event.ts';
import { environmentOf, functionsContainer, user } from './functions-container.ts';
import type { Entry } from './oci.ts';

/**
 * V8's compile cache of the programs, filled by running each once. It is valid only for this Node, its options, the CPU's features and one
 * user; elsewhere Node ignores it.
 */
export const compileCache = async (app: readonly Entry[], node: string): Promise<readonly Entry[]> => {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-compiled-'));
  try {
    for (const { path, content = '' } of app) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), content);
    }
    await runAll(join(folder, 'app'), node);
    return await cached(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

/** The cache folder's name contains the user id: rename it to the image's user. */
const cached = async (folder: string): Promise<readonly Entry[]> => {
  const files = await readdir(join(folder, 'app/cache'), { recursive: true, withFileTypes: true });
  const own = `-${process.getuid?.() ?? 0}`;
  return Promise.all(
    files
      .filter((each) => each.isFile())
      .map(async ({ parentPath, name }) => ({
        path: `app/cache/${parentPath.slice(join(folder, 'app/cache/').length).replace(new RegExp(`${own}$`), `-${user}`)}/${name}`,
        mode: 0o644,
        content: await readFile(join(parentPath, name)),
      })),
  );
};

const runAll = async (app: string, node: string): Promise<void> => {
  const api = await emptyCluster();
  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> =>
    runOnce(start(args, { env, app, node }));
  const master = `--master=${api.url}`;
  for (const name of functionNames) await run(['main.mjs', master], { FUNCTION: name });
  await run(['sources.mjs', master], { K_SINK: api.url, LEADER_ELECTION: 'false' });
  await run(['main.mjs', master], { LEADER_ELECTION: 'false' });
  await run(['removal.mjs', `--socket=${join(app, 'none.sock')}`, '--remove=a:1']);
  api.server.close();
};

type Place = { readonly env: Readonly<Record<string, string>>; readonly app: string; readonly node: string };

/** Starts a program as the image does, in another folder. */
const start = (args: readonly string[], { env, app, node }: Place): ChildProcess => {
  const all = { ...environmentOf(functionsContainer(''), app), PORT: '0', ...env };
  return spawn(node, args, { cwd: app, env: all, stdio: ['ignore', 'pipe', 'pipe'] });
};

/** Waits until a program has started, sends it an event if it listens, and ends it. */
const runOnce = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, 'exit');
  let output = '';
  let isSent = false;
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const port = /"port":(\d+)/.exec(output)?.[1];
      if (port === undefined || isSent) return;
      isSent = true;
      void sendEvent(port).finally(() => child.kill('SIGTERM'));
    });
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
  await ended;
  clearTimeout(timer);
  if (child.signalCode !== null)
    throw new Error(`a program did not start, so the compile cache cannot be filled: ${output}`);
};

/** An event about a cache that does not exist: one request to the API server handles it. */
export const eventHeaders = {
  'ce-specversion': '1.0',
  'ce-id': '1',
  'ce-source': '/image',
  'ce-type': 'dev.knative.apiserver.ref.update',
  'ce-kind': 'ImageCache',
  'ce-apiversion': 'kubefledged.io/v1alpha2',
  'ce-namespace': 'default',
  'ce-name': 'none',
} as const;

const sendEvent = async (port: string): Promise<void> => {
  const url = `http://127.0.0.1:${port}/`;
  await fetch(url, { method: 'POST', headers: eventHeaders, signal: AbortSignal.timeout(20_000) }).catch(
    () => undefined,
  );
};

/** A stub API server on loopback: every list is empty, and every object is not found. */
export const emptyCluster = async (): Promise<{ readonly server: Server; readonly url: string }> => {
  const absent = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason: 'NotFound', code: 404 };
  const server = createServer((request, response) => {
    request.resume();
    const isList = /\/(imagecaches|jobs|pods|nodes)(\?|$)/.test(request.url ?? '');
    const list = { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] };
    response.writeHead(isList ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isList ? list : absent));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { server, url: `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}` };
};
