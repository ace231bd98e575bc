import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Architecture } from './blob.ts';
import type { Entry } from './tar.ts';

const binary = join(import.meta.dirname, '../../node_modules/node/bin/node');

/** This machine's architecture: the only one for which it has a Node and the libraries that go with it. */
export const hostArchitecture = (): Architecture => {
  if (process.platform === 'linux' && process.arch === 'x64') return 'amd64';
  if (process.platform === 'linux' && process.arch === 'arm64') return 'arm64';
  throw new Error(
    `the functions image can be made on Linux, x64 or arm64, not on ${process.platform} ${process.arch}: use deploy/Dockerfile there`,
  );
};

/** Absolute paths in what ldd prints: `name => /path (0x…)` for a library, `/path (0x…)` for the loader. */
export const librariesIn = (lddOutput: string): readonly string[] =>
  lddOutput.split('\n').flatMap((line) => /(?:=>\s*|^\s*)(\/\S+)\s+\(0x/.exec(line)?.slice(1, 2) ?? []);

const read = async (path: string): Promise<Entry> => ({
  path: path.slice(1),
  mode: 0o755,
  content: await readFile(path),
});

const readNode = async (): Promise<Entry> => {
  try {
    return { path: 'bin/node', mode: 0o755, content: await readFile(binary) };
  } catch (cause) {
    throw new Error(`the npm package node is not installed (${binary}): run npm ci, without --ignore-scripts`, {
      cause,
    });
  }
};

const text = (path: string, content: string): Entry => ({ path, mode: 0o644, content: Buffer.from(content) });

const user = 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n';

/** Node, the shared libraries it needs from this machine, and nothing else: no shell, no npm. The CAs are those in Node itself. */
export const nodeRuntime = async (): Promise<readonly Entry[]> => {
  const node = await readNode();
  const { stdout } = await promisify(execFile)('ldd', [binary], { timeout: 10_000 });
  return [
    node,
    ...(await Promise.all(librariesIn(stdout).map(read))),
    text('etc/passwd', `root:x:0:0:root:/:/sbin/nologin\n${user}`),
    text('etc/group', 'root:x:0:\nnonroot:x:65532:\n'),
    { path: 'tmp', mode: 0o1777 },
  ];
};
