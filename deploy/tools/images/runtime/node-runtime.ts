import { execFile } from 'node:child_process';
import { createReadStream, existsSync, rmSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import manifest from '../../../../package.json' with { type: 'json' };
import { debianLibraries } from './debian-libraries.ts';
import { user } from '../functions-container.ts';
import { inputsFor, verify } from './inputs.ts';
import type { Architecture, Entry } from '../oci.ts';

/** A Node for an image: its program, its shared libraries, and whether it runs on this machine. */
export type Runtime = {
  readonly architecture: Architecture;
  readonly node: string;
  readonly isHost: boolean;
  readonly libraries: readonly Entry[];
};

const staticPrograms = join(import.meta.dirname, '../../../noop');
const installed = join(import.meta.dirname, '../../../../node_modules/node/bin/node');

export const hostArchitecture = (): Architecture => {
  if (process.platform === 'linux' && process.arch === 'x64') return 'amd64';
  if (process.platform === 'linux' && process.arch === 'arm64') return 'arm64';
  throw new Error(
    `the functions image can be built on Linux x64 or arm64, not on ${process.platform} ${process.arch}: use deploy/Dockerfile there`,
  );
};

/** Node for an architecture: for this machine's the installed one, otherwise one from the npm registry; the same bytes in either case. */
export const runtimeFor = async (architecture: Architecture): Promise<Runtime> => {
  const isHost = architecture === hostArchitecture();
  const node = isHost && existsSync(installed) ? installed : await fetched(packageOf(architecture));
  await verifyNode(node, architecture);
  return { architecture, node, isHost, libraries: await debianLibraries(architecture) };
};

/** Throws unless the program is the Node of package.json by INPUTS-SHA256SUMS: npm's lock file does not cover it. */
export const verifyNode = async (node: string, architecture: Architecture): Promise<void> => {
  const name = `${packageOf(architecture)}/bin/node`;
  const input = (await inputsFor(architecture)).find((each) => each.name === name);
  if (input === undefined) throw new Error(`INPUTS-SHA256SUMS has no line for ${name}: add one for a new version`);
  verify(input, await readFile(node), node);
};

const packageOf = (architecture: Architecture): string =>
  `node-linux-${architecture === 'amd64' ? 'x64' : 'arm64'}@${manifest.optionalDependencies.node}`;

const text = (path: string, content: string): Entry => ({ path, mode: 0o644, content: Buffer.from(content) });

const nonroot = `nonroot:x:${user}:${user}:nonroot:/:/sbin/nologin\n`;

/** Node, its shared libraries, and a static cat for OpenFaaS' probe: no shell, no npm. The CAs are those compiled into Node. */
export const nodeRuntime = async ({ architecture, node, libraries }: Runtime): Promise<readonly Entry[]> => [
  { path: 'bin/node', mode: 0o755, content: await readFile(node) },
  { path: 'bin/cat', mode: 0o755, content: await readFile(join(staticPrograms, `cat-${architecture}`)) },
  ...libraries,
  text('etc/passwd', `root:x:0:0:root:/:/sbin/nologin\n${nonroot}`),
  text('etc/group', `root:x:0:\nnonroot:x:${user}:\n`),
  { path: 'tmp', mode: 0o1777 },
];

/** Downloads the program of an npm package of Node into a folder that is removed at exit. */
const fetched = async (name: string): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-node-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true })); // exit handlers cannot wait
  const args = ['pack', '--silent', '--pack-destination', folder, name];
  const { stdout } = await promisify(execFile)('npm', args, { timeout: 300_000 });
  const program = join(folder, 'node');
  const reader = extract();
  reader.on('entry', ({ name: path }, content, next) => {
    if (path !== 'package/bin/node') {
      content.resume().once('end', next);
      return;
    }
    buffer(content)
      .then((bytes) => writeFile(program, bytes, { mode: 0o755 }))
      .then(() => next(), next);
  });
  await pipeline(createReadStream(join(folder, stdout.trim())), createGunzip(), reader);
  return program;
};
