import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { extract } from 'tar-stream';
import { type Input, inputsFor, verify } from './inputs.ts';
import type { Architecture, Entry } from '../oci.ts';

/** The libraries that Node is linked with, by Debian's package. */
const librariesOf: Readonly<Record<string, readonly string[]>> = {
  libc6: ['libc.so.6', 'libdl.so.2', 'libm.so.6', 'libpthread.so.0'],
  'libgcc-s1': ['libgcc_s.so.1'],
  'libstdc++6': ['libstdc++.so.6'],
};

/** The folder of libraries, and the path of the loader that is compiled into Node. */
const pathsOf = {
  amd64: { folder: 'lib/x86_64-linux-gnu', loader: 'lib64/ld-linux-x86-64.so.2' },
  arm64: { folder: 'lib/aarch64-linux-gnu', loader: 'lib/ld-linux-aarch64.so.1' },
} as const;

/** Verified packages, so that they are downloaded once. */
const kept = join(import.meta.dirname, '../../../../node_modules/.cache/imagecache-functions');

/** The shared libraries of Node, from Debian's packages in INPUTS-SHA256SUMS. */
export const debianLibraries = async (architecture: Architecture): Promise<readonly Entry[]> => {
  const { folder, loader } = pathsOf[architecture];
  const files = new Map<string, Buffer>();
  for (const path of await keptPackages(architecture))
    for (const [name, content] of await filesIn(path, `usr/${folder}`)) files.set(name, content);
  const paths = Object.values(librariesOf).flatMap((names) => names.map((name) => `${folder}/${name}`));
  return [...paths, loader].map((path) => {
    const content = files.get(basename(path));
    if (content === undefined) throw new Error(`no package of INPUTS-SHA256SUMS has ${path} for linux/${architecture}`);
    return { path, mode: 0o755, content };
  });
};

/** The paths of the packages for an architecture, which are on this machine afterwards. */
export const keptPackages = async (architecture: Architecture): Promise<readonly string[]> => {
  const packages = (await inputsFor(architecture)).filter(({ kind }) => kind === 'debian');
  return Promise.all(packages.map((input) => debianPackage(input)));
};

/** The path of a package on this machine: kept from before, or downloaded; verified in either case. */
export const debianPackage = async (input: Input, folder = kept, origins = originsOf(input)): Promise<string> => {
  const path = join(folder, basename(input.name));
  if (await isKept(input, path)) return path;
  const { bytes, origin } = await download(input, origins, folder);
  verify(input, bytes, origin);
  await mkdir(folder, { recursive: true });
  const unnamed = `${path}.${process.pid}`; // several builds may download it at once
  await writeFile(unnamed, bytes);
  await rename(unnamed, path);
  return path;
};

const isKept = async (input: Input, path: string): Promise<boolean> => {
  try {
    verify(input, await readFile(path), path);
    return true;
  } catch {
    return false;
  }
};

/** Debian keeps the newest packages only, its archive of snapshots all of them. */
const originsOf = ({ name }: Input): readonly string[] => [
  `https://deb.debian.org/${name.replace(/\/\d{8}T\d{6}Z\//, '/')}`,
  `https://snapshot.debian.org/archive/${name}`,
];

type Download = { readonly bytes: Buffer; readonly origin: string };

const download = async ({ name }: Input, origins: readonly string[], folder: string): Promise<Download> => {
  const failures: string[] = [];
  for (const origin of origins)
    try {
      const response = await fetch(origin, { signal: AbortSignal.timeout(120_000) });
      if (response.ok) return { bytes: Buffer.from(await response.arrayBuffer()), origin };
      failures.push(`${origin} answered ${response.status}`);
    } catch (error) {
      failures.push(`${origin}: ${error instanceof Error ? causeOf(error) : String(error)}`);
    }
  throw new Error(
    `cannot download ${name}: ${failures.join('; ')}. A copy of it in ${folder} is used if it is the same`,
  );
};

const causeOf = ({ message, cause }: Error): string => (cause instanceof Error ? cause.message : message);

/** The files directly in a folder of a package by name; a link has the content of its target, which is in the same folder. */
const filesIn = async (path: string, folder: string): Promise<ReadonlyMap<string, Buffer>> => {
  const reader = extract();
  reader.end(await unpacked(path));
  const files = new Map<string, Buffer>();
  const links = new Map<string, string>();
  for await (const entry of reader) {
    const { name, type, linkname } = entry.header;
    const content = await buffer(entry);
    if (name !== `./${folder}/${basename(name)}`) continue;
    if (type === 'file') files.set(basename(name), content);
    else if (type === 'symlink') links.set(basename(name), linkname);
  }
  for (const [name, target] of links) {
    const content = files.get(target);
    if (content !== undefined) files.set(name, content);
  }
  return files;
};

/** The files of a package as a tar. Debian compresses with xz, which Node has not. */
const unpacked = async (path: string): Promise<Buffer> => {
  const options = { encoding: 'buffer', maxBuffer: 2 ** 28 } as const;
  try {
    return (await promisify(execFile)('dpkg-deb', ['--fsys-tarfile', path], options)).stdout;
  } catch (cause) {
    throw new Error(`cannot unpack ${path}: the functions image is built with dpkg-deb, of the package dpkg`, {
      cause,
    });
  }
};
