import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, crdFile, programs } from '../../../../deploy/tools/images/bundle.ts';
import { statusPageFiles } from '../../../../deploy/tools/images/functions-image.ts';
import { type Entry, layer } from '../../../../deploy/tools/images/oci.ts';
import { productProgram, productPrograms } from '../../../support/product-programs.ts';

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

describe('bundle', { timeout: 60_000 }, () => {
  const probes = {
    probe: 'test/deploy/tools/images/images-bundle-probe.ts',
    pages: 'test/deploy/tools/images/images-pages-probe.ts',
  };
  beforeAll(async () => {
    unpack([...(await bundle(probes)), ...(await statusPageFiles()), await crdFile()]);
  });

  it('has all programs', async () => {
    const expected = Object.keys(programs).map((name) => `${name}.mjs`);
    expect(await readdir(await productPrograms())).toEqual(expect.arrayContaining(expected));
  });

  it('has everything that the removal program needs to connect to a runtime', async () => {
    const socket = join(work, 'none.sock');
    const args = [await productProgram('removal'), `--socket=${socket}`, '--remove=a:1'];
    const { status, stdout, stderr } = spawnSync('node', args, { cwd: work, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toContain(`RuntimeService/Version at ${socket}: No connection established`);
  });

  it('has what the status page and metrics load at runtime', () => {
    const { status, stdout, stderr } = spawnSync('node', [join(work, 'app/pages.mjs')], {
      cwd: work,
      encoding: 'utf8',
    });
    expect({ status, stderr, stdout }).toEqual({ status: 0, stderr: '', stdout: 'page and metrics' });
  });

  it('has the CRD for the program that applies it', async () => {
    const args = [await productProgram('crd'), 'apply', 'app/imagecache.yaml', '--master=http://127.0.0.1:1'];
    const { status, stderr } = spawnSync('node', args, { cwd: work, encoding: 'utf8' });
    expect(stderr).toMatch(/^PATCH .*customresourcedefinitions\/imagecaches\.kubefledged\.io/);
    expect(status).toBe(1);
  });

  it('is the same bytes each time', async () => {
    const { pages } = probes;
    const [first, second] = [await layer(await bundle({ pages })), await layer(await bundle({ pages }))];
    expect(second.blob.descriptor).toEqual(first.blob.descriptor);
  });

  it('runs packages of either module system without node_modules', () => {
    const { status, stdout, stderr } = spawnSync('node', [join(work, 'app/probe.mjs')], {
      cwd: work,
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'http://127.0.0.1:1 probe true\n', stderr: '' });
  });
});
