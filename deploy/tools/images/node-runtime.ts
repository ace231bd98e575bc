import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Architecture } from './blob.ts';
import { foreignNode } from './foreign-node.ts';
import { user } from './functions-container.ts';
import type { Runtime } from './runtime.ts';
import type { Entry } from './tar.ts';

const installed = join(import.meta.dirname, '../../../node_modules/node/bin/node');

export const hostArchitecture = (): Architecture => {
  if (process.platform === 'linux' && process.arch === 'x64') return 'amd64';
  if (process.platform === 'linux' && process.arch === 'arm64') return 'arm64';
  throw new Error(
    `the functions image can be made on Linux, x64 or arm64, not on ${process.platform} ${process.arch}: use deploy/Dockerfile there`,
  );
};

/** Node for an architecture: the one that npm ci installed for this machine's, another from the npm registry. */
export const runtimeFor = async (architecture: Architecture): Promise<Runtime> => {
  const isHost = architecture === hostArchitecture();
  await access(installed).catch((cause: unknown) => {
    throw new Error(`the npm package node is not installed (${installed}): run npm ci, without --ignore-scripts`, {
      cause,
    });
  });
  return isHost
    ? hostRuntime(installed)
    : { isHost, ...(await foreignNode(architecture, await hostRuntime(installed))) };
};

/** A Node that runs here, with the libraries that it says it has loaded. */
export const hostRuntime = async (node: string): Promise<Runtime> => {
  const report = 'process.report.excludeNetwork = true; JSON.stringify(process.report.getReport().sharedObjects)';
  const { stdout } = await promisify(execFile)(node, ['-p', report], { timeout: 20_000 });
  const libraries = filesIn(JSON.parse(stdout), node).map((from) => ({ from, path: from.slice(1) }));
  return { node, isHost: true, libraries };
};

/** The files among the objects that a Node has loaded: not itself, and not what the kernel brings. */
export const filesIn = (sharedObjects: unknown, node: string): readonly string[] =>
  Array.isArray(sharedObjects) ? sharedObjects.map(String).filter((path) => path.startsWith('/') && path !== node) : [];

const text = (path: string, content: string): Entry => ({ path, mode: 0o644, content: Buffer.from(content) });

const nobody = `nonroot:x:${user}:${user}:nonroot:/:/sbin/nologin\n`;

/** Node, its shared libraries, and nothing else: no shell, no npm. The CAs are those in Node itself. */
export const nodeRuntime = async ({ node, libraries }: Runtime): Promise<readonly Entry[]> => [
  { path: 'bin/node', mode: 0o755, content: await readFile(node) },
  ...(await Promise.all(
    libraries.map(async ({ from, path }) => ({ path, mode: 0o755, content: await readFile(from) })),
  )),
  text('etc/passwd', `root:x:0:0:root:/:/sbin/nologin\n${nobody}`),
  text('etc/group', `root:x:0:\nnonroot:x:${user}:\n`),
  { path: 'tmp', mode: 0o1777 },
];
