import { execFile } from 'node:child_process';
import { createReadStream, rmSync } from 'node:fs';
import { access, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import manifest from '../../../package.json' with { type: 'json' };
import type { Architecture } from './blob.ts';
import type { Library, Runtime } from './runtime.ts';

/** How others call an architecture: npm's package of Node, Debian's folder of libraries for cross compilation, and the loader that Node asks for. */
const namesOf = {
  amd64: { npm: 'x64', debian: 'x86_64-linux-gnu', cross: 'amd64-cross', loader: 'lib64/ld-linux-x86-64.so.2' },
  arm64: { npm: 'arm64', debian: 'aarch64-linux-gnu', cross: 'arm64-cross', loader: 'lib/ld-linux-aarch64.so.1' },
} as const;

const isLoader = (path: string): boolean => basename(path).startsWith('ld-linux');

/** Node of another architecture from the npm registry, with the libraries that `host`'s Node has too, from Debian's packages for cross compilation. */
export const foreignNode = async (
  architecture: Architecture,
  host: Runtime,
): Promise<Pick<Runtime, 'node' | 'libraries'>> => {
  const { npm, debian, cross, loader } = namesOf[architecture];
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
  return { node: await fetched(`node-linux-${npm}@${manifest.optionalDependencies.node}`), libraries };
};

/** The program in an npm package of Node, in a folder that goes with the process. */
const fetched = async (name: string): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-node-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true })); // nothing asynchronous is waited for then
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
