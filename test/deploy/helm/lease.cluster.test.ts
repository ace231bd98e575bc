import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { chart, helm } from './chart.ts';

const lab = await sharedLab();

describe('an existing Lease that a process created', () => {
  const namespace = 'lease-before';
  const lease = () =>
    lab.ask('get', 'lease', 'imagecache-functions-source', '-n', namespace, '-o', 'jsonpath={.metadata.uid}');
  const release = (...args: readonly string[]) => helm(lab, ...args, '-n', namespace, '--no-hooks');

  beforeAll(async () => {
    await lab.ask('create', 'namespace', namespace);
    const metadata = { name: 'imagecache-functions-source', namespace };
    await lab.apply({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata });
  });
  afterAll(async () => {
    await release('uninstall', 'leased', '--ignore-not-found');
    await lab.ask('delete', 'namespace', namespace, '--wait=false');
  });

  it('does not block an install, and is kept on upgrade and uninstall', async () => {
    const uid = await lease();
    const values = ['--set', 'controllerReplicaCount=0'];
    expect(await release('install', 'leased', chart, ...values)).toMatchObject({ code: 0, stderr: '' });
    expect(await release('upgrade', 'leased', chart, ...values)).toMatchObject({ code: 0, stderr: '' });
    expect(await release('uninstall', 'leased')).toMatchObject({ code: 0, stderr: '' });
    expect(await lease()).toBe(uid);
  });

  it('belongs to the release if there was none before, also after an upgrade', async () => {
    await lab.ask('delete', 'lease', 'imagecache-functions-source', '-n', namespace);
    const values = ['--set', 'controllerReplicaCount=0'];
    expect(await release('install', 'leased', chart, ...values)).toMatchObject({ code: 0 });
    const uid = await lease();
    expect(await release('upgrade', 'leased', chart, ...values)).toMatchObject({ code: 0 });
    expect(await lease()).toBe(uid);
    expect(await release('uninstall', 'leased')).toMatchObject({ code: 0 });
    await expect(lease()).rejects.toThrow('not found');
  });
});
