import { beforeAll, describe, expect, it } from 'vitest';
import { sharedLab } from './shared-lab.ts';
import type { Lab } from './lab.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await sharedLab();
});

const pod = (name: string, node: number, image: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default' },
  spec: {
    restartPolicy: 'Never',
    nodeName: `node${node}`,
    automountServiceAccountToken: false,
    containers: [{ name: 'a', image }],
  },
});

const runs = async (name: string, node: number, image: string) => {
  await lab.apply(pod(name, node, image));
  await lab.ask('wait', '--for=jsonpath={.status.phase}=Succeeded', `pod/${name}`, '--timeout=60s');
};

describe('a lab with real nodes', () => {
  it('pulls an image from its registry and runs it on both nodes', async () => {
    const image = await lab.pushImage({ name: 'lab-test:1', bytes: 100_000 });
    await runs('first', 1, image);
    await runs('second', 2, image);
    expect(await lab.ask('logs', 'first')).toBe('hello\n');
    expect(await lab.images(1)).toContain(image);
    expect(await lab.images(2)).toContain(image);
  });

  it('has a registry that requires a password', async () => {
    const image = await lab.pushImage({ name: 'lab-secret:1', isPrivate: true });
    await lab.apply(pod('refused', 1, image));
    const reason = '{.status.containerStatuses[0].state.waiting.message}';
    await lab.ask('wait', `--for=jsonpath=${reason}`, 'pod/refused', '--timeout=60s');
    expect(await lab.ask('get', 'pod', 'refused', '-o', `jsonpath=${reason}`)).toContain('no basic auth credentials');
    await lab.ask('delete', 'pod', 'refused', '--wait=false');
  });

  it('kills a node as by a power cut, and restores it with the images on its disk', async () => {
    const image = await lab.pushImage({ name: 'lab-kept:1', bytes: 100_000 });
    await runs('before', 2, image);
    await lab.killNode(2);
    await expect(lab.images(2)).rejects.toThrow(/node 2 is not running; see .*\/node2\.log/);
    await lab.startNode(2);
    expect(await lab.images(2)).toContain(image);
    await runs('after', 2, image);
  });
});
