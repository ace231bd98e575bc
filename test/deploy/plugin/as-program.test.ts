import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { asProgram } from '../../../deploy/plugin/as-program.ts';

const bundle =
  'const url = import.meta.url;\nprocess.stdout.write(`ran ${process.argv.slice(2).join()} ${typeof url}`);\n';

let folder: string;
let program: string;

const run = (path: string): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    execFile(program, ['status', 'a b'], { env: { PATH: path } }, (error, out, err) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err });
    });
  });

async function nodeOf(version: string): Promise<string> {
  const path = await mkdtemp(join(folder, 'node-'));
  const file = join(path, 'node');
  await writeFile(
    file,
    `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\necho "the whole bundle" >&2; exit 9\n`,
  );
  await chmod(file, 0o755);
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'program-'));
  program = join(folder, 'kubectl-imagecache');
  await writeFile(program, asProgram(bundle));
  await chmod(program, 0o755);
});
afterAll(() => rm(folder, { recursive: true }));

describe('the plugin as a file', () => {
  it.each(['v20.20.2', 'v22.18.0', 'v18.0.0-nightly'])('reports Node %s in one sentence', async (version) => {
    const { code, out, err } = await run(await nodeOf(version));
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe(
      `error: Node ${version.slice(1)} is too old for kubectl imagecache: install Node 22.19 or newer\n`,
    );
  });

  it('reports that there is no Node', async () => {
    const { code, err } = await run(await mkdtemp(join(folder, 'empty-')));
    expect([code, err]).toEqual([
      1,
      'error: kubectl imagecache needs Node 22.19 or newer, and there is no node on the PATH\n',
    ]);
  });

  it('runs with its arguments on a newer one', async () => {
    const path = await mkdtemp(join(folder, 'new-'));
    await symlink(process.execPath, join(path, 'node'));
    expect(await run(path)).toEqual({ code: 0, out: 'ran status,a b string', err: '' });
  });
});
