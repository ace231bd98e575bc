import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { version } from '#runtime/version.ts';
import { emptyCluster, eventHeaders } from '../../../../deploy/tools/images/compile-cache.ts';
import { environmentOf, functionsContainer } from '../../../../deploy/tools/images/functions-container.ts';
import { functionsRoot } from '../../../../deploy/tools/images/functions-image.ts';
import { hostArchitecture, runtimeFor } from '../../../../deploy/tools/images/runtime/node-runtime.ts';
import { run } from '../../../cluster/run.ts';
import { buildBase } from './build-base.ts';

const base = 'localhost/node-base:1';
const ours = 'localhost/imagecache-functions:test';

let work = '';
/** The built image's file system. */
let mount = '';

const buildah = async (...args: readonly string[]): Promise<string> => {
  const store = ['--storage-driver', 'vfs', '--root', join(work, 'store'), '--runroot', join(work, 'run')];
  const { code, stdout, stderr } = await run('buildah', [...store, ...args], { timeout: 600_000 });
  if (code !== 0) throw new Error(`buildah ${args.join(' ')} ended with ${code}: ${stderr.slice(-2000)}`);
  return stdout.trim();
};

beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'dockerfile-'));
  await writeFile(join(work, 'base.tar'), await buildBase(base));
  await buildah('pull', `oci-archive:${join(work, 'base.tar')}`);
  const file = ['--format', 'oci', '-f', 'deploy/Dockerfile', '-t', ours, '.'];
  await buildah('build', '--isolation', 'chroot', '--network', 'host', '--build-arg', `NODE_IMAGE=${base}`, ...file);
  mount = await buildah('mount', await buildah('from', ours));
}, 600_000);
afterAll(async () => {
  await buildah('umount', '--all');
  await rm(work, { recursive: true, force: true });
});

const inspected = z.object({
  OCIv1: z.object({ config: z.record(z.string(), z.unknown()), architecture: z.string() }),
});

/** Paths of files below a folder, relative to it. */
const filesIn = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((each) => !each.isDirectory())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));

describe('the image of deploy/Dockerfile, built by buildah', () => {
  it('has the container configuration of npm run images', async () => {
    const { OCIv1 } = inspected.parse(JSON.parse(await buildah('inspect', '--type', 'image', ours)));
    const { Labels, ...config } = OCIv1.config;
    const { Labels: labels, ...expected } = functionsContainer(version);
    expect(config).toEqual(expected);
    expect(Labels).toMatchObject(labels ?? {});
    expect(OCIv1.architecture).toBe(hostArchitecture());
  });

  it('has the same files, byte for byte, and no others', async () => {
    const { runtime, app, cache } = await functionsRoot(await runtimeFor(hostArchitecture()));
    const isCache = (path: string): boolean => path.startsWith('app/cache/');
    const files = [...runtime, ...app].filter(({ content }) => content !== undefined);
    const found = (await filesIn(mount)).filter((path) => !/^(dev|proc|sys|run|etc\/(hosts|resolv.conf))/.test(path));
    expect(found.filter((path) => !isCache(path)).toSorted()).toEqual(files.map(({ path }) => path).toSorted());
    for (const { path, content, mode } of files) {
      expect((await readFile(join(mount, path))).equals(content ?? Buffer.alloc(0)), path).toBe(true);
      expect((await stat(join(mount, path))).mode & 0o777, path).toBe(mode);
    }
    expect(found.filter(isCache)).toHaveLength(cache.length);
    expect((await stat(join(mount, 'tmp'))).mode & 0o7777).toBe(0o1777);
  });

  it('answers an event as one function, as nonroot, on a read-only root, from the compile cache', async () => {
    const api = await emptyCluster();
    const readOnly = `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec chroot --userspec=65532:65532 "$0" /bin/node /app/main.mjs --master=${api.url}`;
    const env = environmentOf(functionsContainer(''));
    const debug = { FUNCTION: 'reconcile', PORT: '0', NODE_DEBUG_NATIVE: 'COMPILE_CACHE' };
    const child = spawn('unshare', ['--mount', 'sh', '-c', readOnly, mount], {
      env: { ...env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, ...debug },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const { promise: port, resolve, reject } = Promise.withResolvers<string>();
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        const found = /"port":(\d+)/.exec(output)?.[1];
        if (found !== undefined) resolve(found);
      });
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${output}`)));
    try {
      const url = `http://127.0.0.1:${await port}/`;
      expect((await fetch(url, { method: 'POST', headers: eventHeaders })).status).toBe(204);
      expect(output).toMatch(/main\.mjs was accepted|cache for .*main\.mjs.* accepted/);
      expect(output).toContain('"function":"reconcile"');
    } finally {
      child.kill('SIGKILL');
      await once(child, 'close');
      api.server.close();
    }
  }, 60_000);
});
