import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { createReadStream, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import manifest from '../../../package.json' with { type: 'json' };
import type { Architecture, Entry } from './oci.ts';
import { user } from './functions-container.ts';

/** A Node for an image: its program, its libraries, and whether it runs on this machine. */
export type Runtime = {
  readonly architecture: Architecture;
  readonly node: string;
  readonly isHost: boolean;
  readonly libraries: readonly Library[];
};

/** A shared library: its path on this machine, and in the image. */
export type Library = { readonly from: string; readonly path: string };

const staticPrograms = join(import.meta.dirname, '../../noop');
const installed = join(import.meta.dirname, '../../../node_modules/node/bin/node');
const digests = join(import.meta.dirname, 'NODE-SHA256SUMS');

export const hostArchitecture = (): Architecture => {
  if (process.platform === 'linux' && process.arch === 'x64') return 'amd64';
  if (process.platform === 'linux' && process.arch === 'arm64') return 'arm64';
  throw new Error(
    `the functions image can be built on Linux x64 or arm64, not on ${process.platform} ${process.arch}: use deploy/Dockerfile there`,
  );
};

/** Node for an architecture: the installed one for this machine's, otherwise one from the npm registry. */
export const runtimeFor = async (architecture: Architecture): Promise<Runtime> => {
  const isHost = architecture === hostArchitecture();
  await access(installed).catch((cause: unknown) => {
    throw new Error(`the npm package node is not installed (${installed}): run npm ci, without --ignore-scripts`, {
      cause,
    });
  });
  await verifyNode(installed, hostArchitecture());
  return isHost
    ? hostRuntime(installed)
    : { architecture, isHost, ...(await foreignNode(architecture, await hostRuntime(installed))) };
};

/** Throws unless the program is the Node of package.json by the digests of this folder: npm's lock file does not cover it. */
export const verifyNode = async (node: string, architecture: Architecture): Promise<void> => {
  const name = `${packageOf(architecture)}/bin/node`;
  const lines = (await readFile(digests, 'utf8')).split('\n').map((line) => line.split('  '));
  const expected = lines.find(([, of]) => of === name)?.[0];
  if (expected === undefined) throw new Error(`NODE-SHA256SUMS has no line for ${name}: add one for a new version`);
  const found = createHash('sha256')
    .update(await readFile(node))
    .digest('hex');
  if (found !== expected)
    throw new Error(`${node} is not ${name} of NODE-SHA256SUMS: its SHA-256 is ${found}, not ${expected}`);
};

const packageOf = (architecture: Architecture): string =>
  `node-linux-${namesOf[architecture].npm}@${manifest.optionalDependencies.node}`;

/** A Node of this machine, with the shared libraries that it has loaded. */
export const hostRuntime = async (node: string): Promise<Runtime> => {
  const report = 'process.report.excludeNetwork = true; JSON.stringify(process.report.getReport().sharedObjects)';
  const { stdout } = await promisify(execFile)(node, ['-p', report], { timeout: 20_000 });
  const libraries = filesIn(JSON.parse(stdout), node).map((from) => ({ from, path: from.slice(1) }));
  return { architecture: hostArchitecture(), node, isHost: true, libraries };
};

/** The files among the shared objects that a Node has loaded, without itself and the kernel's vDSO. */
export const filesIn = (sharedObjects: unknown, node: string): readonly string[] =>
  Array.isArray(sharedObjects) ? sharedObjects.map(String).filter((path) => path.startsWith('/') && path !== node) : [];

const text = (path: string, content: string): Entry => ({ path, mode: 0o644, content: Buffer.from(content) });

const nonroot = `nonroot:x:${user}:${user}:nonroot:/:/sbin/nologin\n`;

/** Node, its shared libraries, and a static cat for OpenFaaS' probe: no shell, no npm. The CAs are those compiled into Node. */
export const nodeRuntime = async ({ architecture, node, libraries }: Runtime): Promise<readonly Entry[]> => [
  { path: 'bin/node', mode: 0o755, content: await readFile(node) },
  { path: 'bin/cat', mode: 0o755, content: await readFile(join(staticPrograms, `cat-${architecture}`)) },
  ...(await Promise.all(
    libraries.map(async ({ from, path }) => ({ path, mode: 0o755, content: await readFile(from) })),
  )),
  text('etc/passwd', `root:x:0:0:root:/:/sbin/nologin\n${nonroot}`),
  text('etc/group', `root:x:0:\nnonroot:x:${user}:\n`),
  { path: 'tmp', mode: 0o1777 },
];

/** Names of an architecture: in npm's package of Node, in Debian's cross compilation packages, and of the loader. */
const namesOf = {
  amd64: { npm: 'x64', debian: 'x86_64-linux-gnu', cross: 'amd64-cross', loader: 'lib64/ld-linux-x86-64.so.2' },
  arm64: { npm: 'arm64', debian: 'aarch64-linux-gnu', cross: 'arm64-cross', loader: 'lib/ld-linux-aarch64.so.1' },
} as const;

const isLoader = (path: string): boolean => basename(path).startsWith('ld-linux');

/** Node of another architecture from the npm registry, with `host`'s set of libraries from Debian's cross compilation packages. */
const foreignNode = async (architecture: Architecture, host: Runtime): Promise<Pick<Runtime, 'node' | 'libraries'>> => {
  const { debian, cross, loader } = namesOf[architecture];
  const folder = `/usr/${debian}/lib`;
  const names = host.libraries.map(({ path }) => basename(path)).filter((name) => !isLoader(name));
  const libraries: readonly Library[] = [
    ...names.map((name) => ({ from: join(folder, name), path: `lib/${debian}/${name}` })),
    { from: join(folder, basename(loader)), path: loader },
  ];
  await Promise.all(libraries.map(({ from }) => access(from))).catch((cause: unknown) => {
    const packages = ['libc6', 'libstdc++6', 'libgcc-s1'].map((name) => `${name}-${cross}`).join(' ');
    throw new Error(`libraries for linux/${architecture} are missing: apt-get install ${packages}`, { cause });
  });
  const node = await fetched(packageOf(architecture));
  await verifyNode(node, architecture);
  return { node, libraries };
};

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
