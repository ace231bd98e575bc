import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest';
import { nodeRuntime } from '../../deploy/tools/images/runtime/node-runtime.ts';

const folder = join(import.meta.dirname, '../../deploy/noop');
const inCI = process.env['CI'] !== undefined;

type Architecture = {
  readonly name: 'amd64' | 'arm64';
  readonly node: string;
  readonly elf: number;
  readonly qemu: string;
};
const architectures: readonly Architecture[] = [
  { name: 'amd64', node: 'x64', elf: 62, qemu: 'qemu-x86_64-static' },
  { name: 'arm64', node: 'arm64', elf: 183, qemu: 'qemu-aarch64-static' },
];

const isThere = (program: string) => spawnSync(program, ['--version']).error === undefined;

/** Skips where a developer lacks a tool, and says so; in CI a missing tool is a failure. */
const need = (context: TestContext, isMet: boolean, what: string) => {
  if (isMet) return;
  if (inCI) throw new Error(`CI must have ${what}`);
  context.skip(`needs ${what}`);
};

const needRunner = (context: TestContext, { name, node, qemu }: Architecture) =>
  need(context, node === process.arch || isThere(qemu), `${qemu} to run ${name}: apt-get install -y qemu-user-static`);

const needCompilers = (context: TestContext) =>
  need(context, isThere('gcc') && isThere('aarch64-linux-gnu-gcc'), 'gcc and gcc-aarch64-linux-gnu');

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
const sums = (path: string) => readFileSync(join(path, 'SHA256SUMS'), 'utf8');

let work = '';
beforeAll(() => void (work = mkdtempSync(join(tmpdir(), 'noop-'))));
afterAll(() => rmSync(work, { recursive: true, force: true }));

const run = ({ node, qemu }: Architecture, program: string, ...args: readonly string[]) => {
  const [command, before] = node === process.arch ? [program, []] : [qemu, [program]];
  const { status, stdout, stderr } = spawnSync(command, [...before, ...args], { encoding: 'utf8', env: {} });
  return { status, stdout, stderr };
};

/** What noop promises, of the program in any folder. */
const behaves = (architecture: Architecture, program: string) => {
  const copied = join(mkdtempSync(join(work, 'copy-')), 'noop');
  const umask = process.umask(0o077);
  try {
    expect(run(architecture, program)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(run(architecture, program, 'copy', copied)).toEqual({ status: 0, stdout: '', stderr: '' });
  } finally {
    process.umask(umask);
  }
  expect(statSync(copied).mode & 0o7777).toBe(0o755);
  // Under emulation /proc/self/exe is the emulator on some kernels: the copy must be the program itself where it is native.
  if (architecture.node === process.arch) expect(digest(copied)).toBe(digest(program));
  if (architecture.node === process.arch) expect(run(architecture, copied).status).toBe(0);
  expect(run(architecture, program, 'copy', '/nowhere/noop')).toEqual({
    status: 1,
    stdout: '',
    stderr: 'noop: cannot create /nowhere/noop: error 2\n',
  });
  expect(run(architecture, program, 'copy', '/dev/full')).toMatchObject({
    status: 1,
    stderr: 'noop: cannot write /dev/full: error 28\n',
  });
  expect(run(architecture, program, 'paste')).toEqual({
    status: 2,
    stdout: '',
    stderr: 'noop: usage: noop [copy PATH]\n',
  });
};

describe.each(architectures)('noop for $name', (architecture) => {
  const committed = join(folder, `noop-${architecture.name}`);

  it.each(['noop', 'cat'])('as %s is small, executable and matches SHA256SUMS', (name) => {
    const program = join(folder, `${name}-${architecture.name}`);
    expect(statSync(program).size).toBeLessThan(10_000);
    expect(statSync(program).mode & 0o111).toBe(0o111);
    expect(sums(folder)).toContain(`${digest(program)}  ${name}-${architecture.name}\n`);
  });

  it('has a cat beside it for `cat /tmp/.lock`, OpenFaaS’ probe where http_probe is false', (context) => {
    needRunner(context, architecture);
    const cat = join(folder, `cat-${architecture.name}`);
    const lock = join(mkdtempSync(join(work, 'lock-')), '.lock');
    expect(run(architecture, cat, lock)).toEqual({
      status: 1,
      stdout: '',
      stderr: `cat: cannot open ${lock}: error 2\n`,
    });
    writeFileSync(lock, 'a'.repeat(5000));
    expect(run(architecture, cat, lock, lock)).toEqual({ status: 0, stdout: 'a'.repeat(10_000), stderr: '' });
  });

  it('is in the functions image as /bin/cat', async () => {
    const runtime = { architecture: architecture.name, node: committed, isHost: false, libraries: [] };
    const cat = (await nodeRuntime(runtime)).find(({ path }) => path === 'bin/cat');
    expect(cat).toMatchObject({ mode: 0o755, content: readFileSync(join(folder, `cat-${architecture.name}`)) });
  });

  it('is a static program of its architecture: no interpreter, no dynamic section, no writable memory except its stack', () => {
    const elf = readFileSync(committed);
    const entry = (index: number) => elf.subarray(Number(elf.readBigUInt64LE(32)) + index * elf.readUInt16LE(54));
    const segments = Array.from({ length: elf.readUInt16LE(56) }, (_, index) => ({
      type: entry(index).readUInt32LE(0),
      flags: entry(index).readUInt32LE(4),
    }));
    expect(elf.subarray(0, 6)).toEqual(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]));
    expect({ type: elf.readUInt16LE(16), machine: elf.readUInt16LE(18) }).toEqual({
      type: 2,
      machine: architecture.elf,
    });
    expect(segments).toEqual([
      { type: 1, flags: 0b101 }, // LOAD, read and execute
      { type: 0x6474e551, flags: 0b110 }, // GNU_STACK, read and write
    ]);
  });

  it('exits 0, copies itself, and reports errors in one line', (context) => {
    needRunner(context, architecture);
    behaves(architecture, committed);
  });

  it('runs under any uid in a folder that it cannot write to', (context) => {
    needRunner(context, architecture);
    need(context, process.getuid?.() === 0, 'root, to become another user');
    const { command, args } =
      architecture.node === process.arch
        ? { command: committed, args: [] }
        : { command: architecture.qemu, args: [committed] };
    const readable = mkdtempSync(join(tmpdir(), 'noop-other-'));
    chmodSync(readable, 0o755);
    const program = join(readable, 'noop');
    expect(run(architecture, committed, 'copy', program).status).toBe(0);
    const { status } = spawnSync(command === committed ? program : command, args.length > 0 ? [program] : [], {
      uid: 4_000_000,
      gid: 4_000_000,
      cwd: '/',
    });
    rmSync(readable, { recursive: true });
    expect(status).toBe(0);
  });
});

describe('deploy/noop/build', () => {
  it('builds programs with the same behaviour, and the same bytes with the same compilers', (context) => {
    needCompilers(context);
    const built = mkdtempSync(join(work, 'build-'));
    const { status, stderr } = spawnSync(join(folder, 'build'), [built], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const compilers = (text: string) => text.split('\n', 1)[0];
    if (compilers(sums(built)) === compilers(sums(folder))) expect(sums(built)).toBe(sums(folder));
    for (const architecture of architectures) {
      needRunner(context, architecture);
      behaves(architecture, join(built, `noop-${architecture.name}`));
    }
  });
});
