import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, runWell } from './run.ts';

const script = join(import.meta.dirname, 'lab');
const shell = ['bash', 'cat', 'cut', 'dirname', 'sha256sum', 'awk', 'id', 'mkdir', 'paste', 'sort', 'seq', 'flock'];

let work = '';
beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'lab-test-'));
  for (const program of shell) {
    const found = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, join(work, program));
  }
});
afterAll(() => rmSync(work, { recursive: true, force: true }));

const env = () => ({ PATH: work, HOME: work, LAB: join(work, 'lab'), LAB_CACHE: join(work, 'cache') });

/** The lab script on a machine with almost no programs. */
const bareLab = (...args: readonly string[]) => run('bash', [script, ...args], { env: env() });

describe('lab', () => {
  it('has a network namespace of its own for each LAB_NAME, so that two labs with real nodes can be up', async () => {
    const LAB = mkdtempSync(join(work, 'named-'));
    writeFileSync(join(LAB, 'nodes'), '2');
    const network = async (LAB_NAME: string) =>
      /^NETWORK=(.*)$/m.exec(await runWell('bash', [script, 'settings'], { env: { ...env(), LAB, LAB_NAME } }))?.[1];
    expect(await network('')).toBe('/run/netns/icf-lab');
    expect(await network('other')).toBe('/run/netns/icf-lab-other');
  });

  it('reports missing programs and how to install them', async () => {
    const { code, stderr } = await bareLab('up');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'lab: missing openssl: apt-get update && apt-get install -y openssl\n',
    });
  });

  it('reports the Go version that is required to build Kubernetes', async () => {
    const { code, stderr } = await bareLab('build');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^lab: missing go 1\.\d+\.\d+ or later, to build Kubernetes: https:\/\/go\.dev\/dl\n$/);
  });
});

describe('run', () => {
  it('returns output and exit code, and passes input', async () => {
    const result = await run('sh', ['-c', 'cat; echo oops >&2; exit 3'], { input: 'in' });
    expect(result).toEqual({ stdout: 'in', stderr: 'oops\n', code: 3 });
  });

  it('kills a command at the timeout', async () => {
    await expect(run('sleep', ['30'], { timeout: 100 })).rejects.toThrow(
      'sleep 30 did not end in 0.1 s and was killed',
    );
  });

  it('fails with the error output of the command', async () => {
    await expect(runWell('sh', ['-c', 'echo oops >&2; exit 3'])).rejects.toThrow('ended with 3: oops');
    await expect(run('no-such-program', [])).rejects.toThrow('ENOENT');
  });
});
