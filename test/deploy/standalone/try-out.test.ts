import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type Command, npmStart, startCommand, takenPort, temporaryFolder } from './start-command.ts';

/** Milliseconds; machines that run many tests at once are slow. */
const soon = { timeout: 30_000, interval: 20 };

const said = (command: Command, text: string): Promise<void> =>
  vi.waitFor(() => expect(command.output()).toContain(text), { timeout: 30_000, interval: 20 });

const outcome = `first-light by image
  docker.io/library/nginx:1.27   on node-1, node-2, node-3
  docker.io/library/redis:7.4    on node-1, node-2, node-3
  registry.k8s.io/etcd:3.5.21-0  on node-1
  registry.example/missing:1     not on node-1: ErrImagePull, rpc error: code = NotFound desc = failed to pull and unpack image "registry.example/missing:1": failed to resolve image: registry.example/missing:1: not found
`;

const kubeconfigOf = (command: Command): string => /export KUBECONFIG=(.+)/.exec(command.output())?.[1] ?? '';

describe('npm start, without a cluster', { timeout: 60_000 }, () => {
  it('prints plain lines to a pipe, keeps serving, and leaves nothing behind after Ctrl-C twice', async () => {
    const since = Date.now();
    const command = await startCommand();
    await said(command, 'Press Ctrl-C to stop');
    expect(Date.now() - since).toBeLessThan(30_000);
    const output = command.output();
    for (const line of [
      'Running on a simulated cluster, never for production',
      'To use a real cluster: npm start -- --kubeconfig FILE\n',
      '\n  node-1  pulling   4 images\n',
      '\n  node-1  retrying  registry.example/missing:1\n',
      '\n  node-1  failed    registry.example/missing:1; 3 of 4 present\n',
      '\n  node-3  ready     2 images\n',
      '\nfirst-light  Failed  2 of 3 nodes ready\n',
      outcome,
    ])
      expect(output).toContain(line);
    expect(output).not.toContain('\u001b');
    expect(command.errors()).toBe('');
    const address = /Status page: (\S+)/.exec(output)?.[1] ?? '';
    expect(await (await fetch(address)).text()).toContain('<title>Image caches</title>');
    expect(await (await fetch(`${address}api/caches`)).json()).toMatchObject({
      source: 'live',
      statuses: { Failed: 1 },
    });
    const server = /server: (.+)/.exec(await readFile(kubeconfigOf(command), 'utf8'))?.[1] ?? '';
    expect(await (await fetch(`${server}/readyz`)).text()).toBe('ok');
    const asked = Date.now();
    command.child.kill('SIGINT');
    command.child.kill('SIGINT');
    expect(await command.ended).toEqual([0, null]);
    expect(Date.now() - asked).toBeLessThan(5_000);
    expect(await command.left()).toEqual([]);
    await expect(fetch(`${server}/readyz`)).rejects.toThrow('fetch failed');
  });

  it('ends at once on SIGTERM while it starts, and logs all to standard error if asked to', async () => {
    const command = await startCommand([], { LOG_LEVEL: 'info' });
    await vi.waitFor(() => expect(command.errors()).toContain('"msg":"synced"'), soon);
    expect(command.output()).not.toContain('"msg"');
    command.child.kill('SIGTERM');
    expect(await command.ended).toEqual([0, null]);
    expect(await command.left()).toEqual([]);
  });

  it('ends with npm, whose signals reach only the shell in between', async () => {
    const command = await npmStart();
    // npm leaves a cache of its own there.
    const ours = async () => (await command.left()).filter((name) => name.startsWith('imagecache-functions-'));
    await said(command, 'Running on a simulated cluster');
    expect(await ours()).toHaveLength(1);
    command.child.kill('SIGTERM');
    await command.ended;
    expect(await ours()).toEqual([]);
  });

  it('ends quietly when its reader closes the pipe', async () => {
    const command = await startCommand();
    await said(command, 'Running on a simulated cluster');
    command.child.stdout?.destroy();
    expect(await command.ended).toEqual([0, null]);
    expect(command.errors()).toBe('');
    expect(await command.left()).toEqual([]);
  });

  it('ends with a message when its port is taken', async () => {
    const port = await takenPort();
    const command = await startCommand([], { PORT: String(port) });
    expect(await command.ended).toEqual([1, null]);
    expect(command.errors()).toBe(`cannot listen on port ${port}: EADDRINUSE; set PORT to another one\n`);
    expect(await command.left()).toEqual([]);
  });

  it('ends with a message when it cannot create a folder', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    const command = await startCommand([], { TMPDIR: file });
    expect(await command.ended).toEqual([1, null]);
    expect(command.errors()).toBe(`cannot create a folder in ${file}: ENOTDIR; set TMPDIR to a writable folder\n`);
  });
});
