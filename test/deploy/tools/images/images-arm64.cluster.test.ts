import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { functionNames } from '#model/cache/cloud-event.ts';
import { emptyCluster } from '../../../../deploy/tools/images/compile-cache.ts';
import { environmentOf, functionsContainer } from '../../../../deploy/tools/images/functions-container.ts';
import { functionsRoot } from '../../../../deploy/tools/images/functions-image.ts';
import { runtimeFor } from '../../../../deploy/tools/images/runtime/node-runtime.ts';
import { startedOnce } from '../../../bench/started-once.ts';

/** Runs programs of arm64 here, with the libraries below a folder: apt-get install qemu-user-static gcc-aarch64-linux-gnu */
const emulator = 'qemu-aarch64-static';

let root = '';
let api: { readonly server: Server; readonly url: string };

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'imagecache-arm64-'));
  const { runtime, app, cache } = await functionsRoot(await runtimeFor('arm64'));
  for (const { path, mode, content } of [...runtime, ...app, ...cache]) {
    await mkdir(content === undefined ? join(root, path) : dirname(join(root, path)), { recursive: true });
    if (content !== undefined) await writeFile(join(root, path), content, { mode });
  }
  api = await emptyCluster();
});

afterAll(async () => {
  api.server.close();
  await rm(root, { recursive: true, force: true });
});

/** A program of the image by the image's own Node, libraries and environment. */
const program = (...args: readonly string[]) => {
  const cwd = join(root, 'app');
  const env = { ...environmentOf(functionsContainer(''), cwd), PATH: process.env['PATH'] ?? '' };
  return { node: emulator, args: ['-L', root, join(root, 'bin/node'), ...args], cwd, env };
};

/** The output of a program, whatever its exit code. */
const outputOf = (...args: readonly string[]): string => {
  const { node, args: all, cwd, env } = program(...args);
  const { stdout, stderr, error } = spawnSync(node, all, { cwd, env, encoding: 'utf8', timeout: 120_000 });
  if (error) throw error;
  return `${stdout}${stderr}`;
};

describe('the arm64 functions image', () => {
  it('has a Node of its own that runs', () => {
    expect(outputOf('-p', 'process.arch + " " + process.version.split(".")[0]')).toBe('arm64 v24\n');
  });

  it.each(functionNames)('starts %s, which answers an event', async (name) => {
    const { env, ...rest } = program('main.mjs', `--master=${api.url}`);
    const { rss } = await startedOnce({ ...rest, env: { ...env, FUNCTION: name } });
    expect(rss).toBeGreaterThan(0);
  });

  it('starts the program of removal Jobs', () => {
    const output = outputOf('removal.mjs', `--socket=${join(root, 'none.sock')}`, '--remove=a:1');
    expect(output).toContain('No connection established');
  });
});
