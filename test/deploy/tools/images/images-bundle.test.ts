import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, crdFile, programs } from '../../../../deploy/tools/images/bundle.ts';
import { statusPageFiles } from '../../../../deploy/tools/images/functions-image.ts';
import { type Entry, layer } from '../../../../deploy/tools/images/oci.ts';

let work = '';
beforeAll(() => void (work = mkdtempSync(join(tmpdir(), 'bundle-'))));
afterAll(() => rmSync(work, { recursive: true, force: true }));

/** Writes a bundle to a folder without node_modules. */
const unpack = (entries: readonly Entry[]) => {
  for (const { path, content } of entries) {
    mkdirSync(dirname(join(work, path)), { recursive: true });
    writeFileSync(join(work, path), content ?? '');
  }
};

/** Builds at the first call, and returns the same afterwards. */
const once = <T>(build: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined;
  return () => (made ??= build());
};

describe('bundle', { timeout: 60_000 }, () => {
  const probe = { probe: 'test/deploy/tools/images/images-bundle-probe.ts' };
  const built = once(() => bundle(programs));
  const probed = once(() => bundle(probe));

  it('has all programs', async () => {
    const names = (await built()).map(({ path }) => path);
    const expected = ['app/standalone.mjs', 'app/sources.mjs', 'app/functions.mjs', 'app/removal.mjs', 'app/crd.mjs'];
    expect(names).toEqual(expect.arrayContaining(expected));
  });

  it('has everything that the removal program needs to connect to a runtime', async () => {
    unpack(await built());
    const socket = join(work, 'none.sock');
    const args = [join(work, 'app/removal.mjs'), `--socket=${socket}`, '--remove=a:1'];
    const { status, stdout, stderr } = spawnSync('node', args, { cwd: work, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toContain(`RuntimeService/Version at ${socket}: No connection established`);
  });

  it('has what the status page and metrics load at runtime', async () => {
    unpack([
      ...(await bundle({ pages: 'test/deploy/tools/images/images-pages-probe.ts' })),
      ...(await statusPageFiles()),
    ]);
    const { status, stdout, stderr } = spawnSync('node', [join(work, 'app/pages.mjs')], {
      cwd: work,
      encoding: 'utf8',
    });
    expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: 'page and metrics' });
  });

  it('has the CRD beside the program that applies it', async () => {
    unpack([...(await built()), await crdFile()]);
    const args = ['app/crd.mjs', 'apply', 'app/imagecache.yaml', '--master=http://127.0.0.1:1'];
    const { status, stderr } = spawnSync('node', args, { cwd: work, encoding: 'utf8' });
    expect(stderr).toMatch(/^PATCH .*customresourcedefinitions\/imagecaches\.kubefledged\.io/);
    expect(status).toBe(1);
  });

  it('is the same bytes each time', async () => {
    const [first, second] = [await layer(await probed()), await layer(await bundle(probe))];
    expect(second.blob.descriptor).toEqual(first.blob.descriptor);
  });

  it('runs packages of either module system without node_modules', async () => {
    unpack(await probed());
    const { status, stdout, stderr } = spawnSync('node', [join(work, 'app/probe.mjs')], {
      cwd: work,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'http://127.0.0.1:1 probe true\n', stderr: '' });
  });
});
