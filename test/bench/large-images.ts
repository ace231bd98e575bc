import { readFile } from 'node:fs/promises';
import { installCrd } from '../behaviour/lab-under-test.ts';
import { writesBetween } from '../cluster/api-writes.ts';
import { startLab, type StartedLab } from '../cluster/lab.ts';
import { productImage } from '../e2e/product-image.ts';
import { emptyNodes, nodeNumbers, throttled } from './large/empty-nodes.ts';
import { productProgram } from '../support/product-programs.ts';
import { candidates, withCandidate, type Candidate } from './large/programs.ts';
import { machineTicks, shareBetween } from './processor.ts';
import type { LargeImages } from './results.ts';
import { until } from './until.ts';

export type LargeOrder = { readonly images: number; readonly megabytes: number; readonly rate: string };

/** Large images pulled by two real nodes with empty disks: by our product and by a Job per image, with serial and parallel kubelet pulls. */
export async function largeImages(order: LargeOrder): Promise<LargeImages[]> {
  const lab = await startLab({ nodes: nodeNumbers.length });
  try {
    await installCrd(lab);
    const noop = await productImage(lab, 'noop');
    const images: string[] = [];
    for (let index = 0; index < order.images; index += 1)
      images.push(await lab.pushImage({ name: `large-${index}:1`, bytes: order.megabytes * 1_000_000 }));
    await throttled(lab, order.rate);
    const measured: LargeImages[] = [];
    for (const candidate of candidates(await productProgram(), noop)) {
      await emptyNodes(lab, candidate.serializeImagePulls);
      measured.push({ ...order, ...(await withCandidate(lab, candidate, () => pulled(lab, candidate, images))) });
    }
    return measured;
  } finally {
    await lab.stop();
  }
}

const name = 'large';

async function pulled(
  lab: StartedLab,
  { name: candidate, spec, serializeImagePulls }: Candidate,
  images: readonly string[],
) {
  const [before, ticks, start] = [await lab.apiWrites(), await ticksNow(), Date.now()];
  const manifest = {
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata: { name, namespace: 'default' },
  };
  await lab.apply({ ...manifest, spec: { cacheSpec: [{ images }], ...spec } });
  const seconds = (): number => (Date.now() - start) / 1000;
  const slow = { seconds: 3000, pause: 250 };
  await until('every image is on every node', slow, () => hasAll(lab, images));
  const [secondsToPulled, share] = [seconds(), shareBetween(ticks, await ticksNow())];
  await until('the round has ended', slow, () => hasSucceeded(lab));
  const secondsToDone = seconds();
  const jobs = ['get', 'jobs', '-n', 'default', '-o', 'name'];
  await until('no Job is left', slow, async () => ((await lab.ask(...jobs)).trim() === '' ? true : undefined));
  const writes = writesBetween(before, await lab.apiWrites());
  await lab.ask('delete', 'imagecache', name, '-n', 'default');
  return {
    ...{ name: candidate, serializeImagePulls, nodes: nodeNumbers.length, secondsToPulled, secondsToDone, writes },
    ...{ jobs: writes.by['POST jobs'] ?? 0, busyPercent: share.busy, diskWaitPercent: share.diskWait },
  };
}

const ticksNow = async () => machineTicks(await readFile('/proc/stat', 'utf8'));

async function hasSucceeded(lab: StartedLab): Promise<true | undefined> {
  const status = await lab.ask('get', 'imagecache', name, '-n', 'default', '-o', 'jsonpath={.status.status}');
  if (status === 'Succeeded') return true;
  if (status !== '' && status !== 'Processing') throw new Error(`the round ended as ${status}`);
  return undefined;
}

async function hasAll(lab: StartedLab, images: readonly string[]): Promise<true | undefined> {
  for (const node of nodeNumbers) {
    const there = new Set(await lab.images(node));
    if (!images.every((image) => there.has(image))) return undefined;
  }
  return true;
}
