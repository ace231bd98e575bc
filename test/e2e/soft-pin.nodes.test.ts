import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../cluster/lab.ts';
import { startOnNodes } from './on-nodes.ts';
import { preparedLab } from './prepared-lab.ts';

const namespace = 'soft-pin';
const more = '/var/lib/kubelet/more.yaml';

/** Images are collected that were unused for some seconds. A kubelet checks when it starts, and then every 5 minutes. */
const greedy = 'imageMinimumGCAge: 1s\\nimageMaximumGCAge: 5s\\n';

let lab: Lab;

const restart = async (): Promise<void> => {
  await lab.killNode(1);
  await lab.startNode(1);
};

beforeAll(async () => {
  lab = await preparedLab(namespace);
});

afterAll(async () => {
  await lab.node(1, 'rm', '-f', more);
  await restart();
});

/** A cache of one image on node1, whose round has ended. */
const pulled = async (name: string, jobRetentionPolicy: 'Delete' | 'Retain'): Promise<string> => {
  const image = await lab.pushImage({ name: `${name}:1`, bytes: 1000 });
  const cacheSpec = [{ images: [image], nodeSelector: { 'kubernetes.io/hostname': 'node1' } }];
  await lab.apply({
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata: { name, namespace },
    spec: { cacheSpec, jobRetentionPolicy },
  });
  await lab.ask('wait', '--for=condition=Ready', `ic/${name}`, '-n', namespace, '--timeout=120s');
  return image;
};

describe('image garbage collection of the kubelet', () => {
  it('keeps images whose Jobs are retained, and removes those whose Jobs were deleted', async () => {
    const product = await startOnNodes(lab, ['--image-cache-refresh-frequency=0s']);
    const retained = await pulled('pin-retained', 'Retain');
    const loose = await pulled('pin-loose', 'Delete');
    const jobs = () => lab.ask('get', 'jobs', '-n', namespace, '-o', 'jsonpath={.items[*].status.succeeded}');
    await expect.poll(jobs, { timeout: 60_000, interval: 500 }).toBe('1');
    await product.stop();
    expect(await lab.images(1)).toEqual(expect.arrayContaining([retained, loose]));

    await lab.node(1, 'bash', '-c', `printf '${greedy}' > ${more}`);
    await restart();
    await expect.poll(() => lab.images(1), { timeout: 480_000, interval: 2000 }).not.toContain(loose);
    await sleep(10_000); // the same pass continues
    expect(await lab.images(1)).toContain(retained);
  });
});
