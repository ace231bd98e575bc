import { setTimeout as sleep } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import type { Lab } from '../cluster/lab.ts';

const namespace = 'soft-pin';
const more = '/var/lib/kubelet/more.yaml';

/** Images are collected that were unused for some seconds. A kubelet checks when it starts, and then every 5 minutes. */
const greedy = 'imageMinimumGCAge: 1s\nimageMaximumGCAge: 5s\n';

const restart = async (lab: Lab): Promise<void> => {
  await lab.killNode(1);
  await lab.startNode(1);
};

/** A cache of one image on node1, whose round has ended. */
const pulled = async (lab: Lab, name: string, jobRetentionPolicy: 'Delete' | 'Retain'): Promise<string> => {
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

/** Has the kubelet of node1 collect images: it keeps one whose Job is retained, and removes one whose Job was deleted. */
export const keepsRetainedImages = async (lab: Lab): Promise<void> => {
  await lab.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  const retained = await pulled(lab, 'pin-retained', 'Retain');
  const loose = await pulled(lab, 'pin-loose', 'Delete');
  const jobs = () => lab.ask('get', 'jobs', '-n', namespace, '-o', 'jsonpath={.items[*].status.succeeded}');
  await vi.waitFor(async () => expect(await jobs()).toBe('1'), { timeout: 60_000, interval: 500 });
  expect(await lab.images(1)).toEqual(expect.arrayContaining([retained, loose]));

  try {
    await lab.node(1, 'bash', '-c', `printf '${greedy}' > ${more}`);
    await restart(lab);
    const isLost = async () => expect(await lab.images(1)).not.toContain(loose);
    await vi.waitFor(isLost, { timeout: 480_000, interval: 2000 });
    await sleep(10_000); // the same pass continues
    expect(await lab.images(1)).toContain(retained);
  } finally {
    await lab.node(1, 'rm', '-f', more);
    await restart(lab);
  }
};
