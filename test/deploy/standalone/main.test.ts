import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startSimulator } from '@imagecache-functions/simulator';
import { startCommand, takenPort, temporaryFolder } from './start-command.ts';

describe('npm start, with arguments', { timeout: 60_000 }, () => {
  it.each([
    { when: 'is missing', content: undefined, says: (file: string) => `cannot read kubeconfig ${file}: ENOENT\n` },
    { when: 'is broken', content: '{ broken', says: (file: string) => `${file} is not a kubeconfig\n` },
  ])('reports that its kubeconfig $when', async ({ content, says }) => {
    const file = join(await temporaryFolder(), 'kubeconfig');
    if (content !== undefined) await writeFile(file, content);
    const command = await startCommand(['--kubeconfig', file]);
    expect(await command.ended).toEqual([1, null]);
    expect(command.errors()).toBe(says(file));
    expect(command.output()).toBe('');
  });

  it('reports what was expected of a setting', async () => {
    const command = await startCommand(['--port=many']);
    expect(await command.ended).toEqual([1, null]);
    expect(command.errors()).toBe('--port is "many", expected a whole number from 0 to 65535\n');
  });

  it('prints its settings', async () => {
    const command = await startCommand(['--help']);
    expect(await command.ended).toEqual([0, null]);
    expect(command.output()).toContain('--kubeconfig');
  });

  it('logs JSON lines to standard output and draws nothing', async () => {
    const command = await startCommand(['--kubeconfig', await clusterFile()], { PORT: '0' });
    await vi.waitFor(() => expect(command.output()).toContain('"msg":"synced"'), { timeout: 15_000, interval: 20 });
    for (const line of command.output().trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('msg');
    command.child.kill('SIGTERM');
    expect(await command.ended).toEqual([0, null]);
  });

  it('runs only the function that FUNCTION names, which receives events at /', async () => {
    const command = await startCommand(['--kubeconfig', await clusterFile()], { PORT: '0', FUNCTION: 'reconcile' });
    await vi.waitFor(() => expect(command.output()).toContain('"msg":"started"'), { timeout: 15_000, interval: 20 });
    const port = /"port":(\d+)/.exec(command.output())?.[1] ?? '';
    const object = { kind: 'ImageCache', apiversion: 'kubefledged.io/v1alpha2', name: 'none', namespace: 'default' };
    const attributes = {
      specversion: '1.0',
      id: '1',
      source: '/test',
      type: 'dev.knative.apiserver.ref.add',
      ...object,
    };
    const headers = Object.entries(attributes).map(([name, value]): [string, string] => [`ce-${name}`, value]);
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers });
    expect(answer.status).toBe(204);
    expect(command.output()).not.toContain('"msg":"synced"');
    command.child.kill('SIGTERM');
    expect(await command.ended).toEqual([0, null]);
  });

  it('ends with a message when its port is taken', async () => {
    const port = await takenPort();
    const command = await startCommand(['--kubeconfig', await clusterFile()], { PORT: String(port) });
    expect(await command.ended).toEqual([1, null]);
    expect(command.errors()).toBe(`cannot listen on port ${port}: EADDRINUSE; set PORT to another one\n`);
  });
});

/** The kubeconfig of a cluster that lasts as long as the test. */
async function clusterFile(): Promise<string> {
  const file = join(await temporaryFolder(), 'kubeconfig');
  const cluster = await startSimulator({ crds: ['crds/imagecache.yaml'] });
  onTestFinished(cluster.stop);
  await cluster.kubeconfig(file);
  return file;
}
