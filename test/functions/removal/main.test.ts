import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseRemovalResult } from '#model/removal/removal-result.ts';
import { digest } from '../model/builders.ts';
import { run } from '../../cluster/run.ts';
import { productProgram } from '../../support/product-programs.ts';
import { startRuntime, type FakeRuntime } from './fake-runtime.ts';

/** The program as it is in its image, which starts in half the time of its sources. */
let removalProgram = '';
beforeAll(async () => {
  removalProgram = await productProgram('removal');
});

let folder = '';
let runtime: FakeRuntime;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'removal-'));
  runtime = await startRuntime(join(folder, 'cri.sock'));
});
afterEach(() => {
  runtime.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the program as its container would, with the file that kubelets make. */
const removal = async (...args: readonly string[]) => {
  const report = join(folder, 'termination-log');
  writeFileSync(report, 'x'.repeat(5000));
  const { code, stdout, stderr } = await run('node', [
    removalProgram,
    `--socket=${join(folder, 'cri.sock')}`,
    `--report=${report}`,
    ...args,
  ]);
  return { code, stdout, stderr, result: parseRemovalResult(readFileSync(report, 'utf8')) };
};

const pod = (name: string) => ({
  'io.kubernetes.pod.namespace': 'apps',
  'io.kubernetes.pod.name': name,
  'io.kubernetes.container.name': 'main',
});

const image = (name: string, size = 1000) => ({
  id: `sha256:${name}`,
  repoTags: [`docker.io/library/${name}:1`],
  size,
});

describe('the program of removal Jobs', () => {
  it('removes images that are not needed, spares the rest with a reason, and reports both', async () => {
    runtime.images.push(
      { ...image('free', 3_000_000_000), repoTags: ['docker.io/library/free:1', 'docker.io/library/free:2'] },
      image('running'),
      image('mounted'),
      image('held'),
      { ...image('pause'), pinned: true },
      { ...image('shared'), repoDigests: [`docker.io/library/shared@${digest}`] },
    );
    runtime.sandboxes.push({ id: 'pulls', labels: { kubefledged: 'kubefledged-image-manager' } });
    runtime.containers.push(
      { id: 'c1', image: { image: 'sha256:running' }, state: 'CONTAINER_RUNNING', labels: pod('web') },
      { id: 'c2', mounts: ['sha256:mounted'], state: 'CONTAINER_RUNNING', labels: pod('mounter') },
      { id: 'c3', podSandboxId: 'pulls', image: { image: 'sha256:held' }, state: 'CONTAINER_EXITED' },
    );
    const asked = ['free:1', 'free:2', 'running:1', 'mounted:1', 'held:1', 'pause:1', 'shared:1', 'none:1'];
    const { code, stdout, result } = await removal(
      ...asked.map((each) => `--remove=${each}`),
      `--keep=shared@${digest}`,
      '--keep=none:1',
    );
    expect(code).toBe(0);
    expect(result).toEqual({
      runtime: 'fake 1.0',
      freedBytes: 3_000_001_000,
      counts: { removed: 3, absent: 1, spared: 4, failed: 0 },
      images: [
        { outcome: 'spared', image: 'running:1', reason: 'InUse', by: 'apps/web/main' },
        { outcome: 'spared', image: 'mounted:1', reason: 'InUse', by: 'apps/mounter/main' },
        { outcome: 'spared', image: 'pause:1', reason: 'Pinned', by: '' },
        { outcome: 'spared', image: 'shared:1', reason: 'SharedTag', by: `docker.io/library/shared@${digest}` },
        { outcome: 'removed', image: 'free:1', bytes: 3_000_000_000 },
        { outcome: 'removed', image: 'free:2', bytes: 0 },
        { outcome: 'removed', image: 'held:1', bytes: 1000 },
        { outcome: 'absent', image: 'none:1' },
      ],
      omitted: 0,
      error: '',
    });
    expect(stdout).toContain('spared running:1: InUse, apps/web/main\n');
    expect(stdout).toContain('3 removed (3000001000 bytes), 1 absent, 4 spared, 0 failed\n');
    expect(runtime.images.map(({ id }) => id)).toEqual(
      ['running', 'mounted', 'pause', 'shared'].map((id) => `sha256:${id}`),
    );
  });

  it('treats hostile names as names, and prints each on one line without control characters', async () => {
    runtime.images.push(image('kept'));
    const names = [
      'a\nremoved kept:1: 1 bytes',
      '\u001b[2Ja:1',
      '$(touch x)',
      '`id`',
      '../../etc/passwd',
      '--keep=kept:1',
    ];
    const { code, stdout, result } = await removal(...names.map((name) => `--remove=${name}`));
    expect(stdout.split('\n')).toEqual([
      String.raw`absent a\u000aremoved kept:1: 1 bytes`,
      String.raw`absent \u001b[2Ja:1`,
      ...names.slice(2).map((name) => `absent ${name}`),
      '0 removed (0 bytes), 6 absent, 0 spared, 0 failed',
      '',
    ]);
    expect({ code, told: result?.images.map(({ image: name }) => name) }).toEqual({ code: 0, told: names });
    expect(runtime.calls).not.toContain('RemoveImage');
  });

  it("reads the runtime's state again before each removal", async () => {
    runtime.images.push(image('first'), image('second'));
    runtime.instead.set('RemoveImage', () => {
      runtime.images.shift();
      runtime.containers.push({ id: 'late', image: { image: 'sha256:second' }, labels: pod('late') });
      return {};
    });
    const { code, result } = await removal('--remove=first:1', '--remove=second:1');
    expect({ code, counts: result?.counts }).toEqual({
      code: 0,
      counts: { removed: 1, absent: 0, spared: 1, failed: 0 },
    });
    expect(result?.images[0]).toMatchObject({ image: 'second:1', reason: 'InUse', by: 'apps/late/main' });
  });

  it('ignores a container that is removed while it is read', async () => {
    runtime.images.push(image('free'));
    const gone = { id: 'gone', image: { image: 'sha256:other' }, labels: pod('gone') };
    runtime.instead.set('ListContainers', () => ({ containers: [gone] }));
    const { result } = await removal('--remove=free:1');
    expect(result?.counts.removed).toBe(1);
  });

  it('reads the mounts of a container once', async () => {
    runtime.images.push(image('a'), image('b'), image('c'));
    runtime.containers.push({ id: 'c1', labels: pod('web') });
    await removal('--remove=a:1', '--remove=b:1', '--remove=c:1');
    expect(runtime.calls.filter((name) => name === 'ContainerStatus')).toHaveLength(1);
    expect(runtime.calls.filter((name) => name === 'ListContainers')).toHaveLength(3);
  });

  it('continues after an image that the runtime can not remove, and fails', async () => {
    runtime.images.push(image('stuck'), image('kept'), image('free'));
    runtime.instead.set('RemoveImage', ({ image: asked }) => {
      if (asked?.image === 'sha256:stuck') throw new Error('image is in use by a container');
      if (asked?.image === 'sha256:free') runtime.images.pop();
      return {};
    });
    const { code, result } = await removal('--remove=stuck:1', '--remove=kept:1', '--remove=free:1');
    expect(code).toBe(1);
    expect(result?.counts).toEqual({ removed: 1, absent: 0, spared: 0, failed: 2 });
    expect(result?.images[0]).toMatchObject({ image: 'stuck:1' });
    expect(JSON.stringify(result?.images[0])).toContain('image is in use by a container');
    expect(JSON.stringify(result?.images[1])).toContain('still has it');
    expect(result?.freedBytes).toBe(1000);
  });

  it('keeps an image that has a tag of others, whose name it is not given', async () => {
    runtime.images.push({ ...image('app'), repoTags: ['docker.io/library/app:1', 'ghcr.io/tenant/app:1'] });
    const { result } = await removal('--remove=app:1');
    expect(result?.images).toEqual([
      { outcome: 'spared', image: 'app:1', reason: 'SharedTag', by: 'ghcr.io/tenant/app:1' },
    ]);
    expect(runtime.images).toHaveLength(1);
  });

  it('accepts an answer of more than 4 MB', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => `docker.io/library/${'long'.repeat(1500)}:${index}`);
    runtime.images.push({ id: 'sha256:many', repoTags: many }, image('free'));
    const { result } = await removal('--remove=free:1');
    expect(result?.counts.removed).toBe(1);
  });

  it('reports the path without a runtime', async () => {
    runtime.stop();
    const { code, result } = await removal('--remove=a:1', '--remove=b:1');
    expect(code).toBe(1);
    expect(result?.counts).toEqual({ removed: 0, absent: 0, spared: 0, failed: 2 });
    expect(result?.error).toMatch(/^RuntimeService\/Version at .*cri\.sock: .*ENOENT/);
  });

  it('reports a runtime that does not support this CRI', async () => {
    runtime.instead.set('Version', () => {
      throw new Error('unknown service runtime.v1.RuntimeService');
    });
    const { code, result } = await removal('--remove=a:1');
    expect(code).toBe(1);
    expect(result?.error).toMatch(/cri\.sock: .*unknown service runtime\.v1\.RuntimeService$/);
  });

  it.each([
    { given: ['--socket=cri.sock'], says: '--socket takes the path of a socket' },
    { given: ['nginx:1'], says: "Unexpected argument 'nginx:1'" },
  ])('prints the usage when given $given', async ({ given, says }) => {
    const { code, stderr } = await removal(...given);
    expect(code).toBe(2);
    expect(stderr).toContain(says);
    expect(stderr).toContain('usage: removal.mjs');
    expect(runtime.calls).toEqual([]);
  });

  it('does not create the report file if it does not exist', async () => {
    const report = join(folder, 'none');
    await run('node', [removalProgram, `--socket=${join(folder, 'cri.sock')}`, `--report=${report}`]);
    expect(() => readFileSync(report)).toThrow('ENOENT');
  });
});
