import { readFile } from 'node:fs/promises';
import { bundled } from '../behaviour/bundled.ts';
import { installCrd } from '../behaviour/lab-under-test.ts';
import { writesBetween } from '../cluster/api-writes.ts';
import { startLab, type StartedLab } from '../cluster/lab.ts';
import { productImage } from '../e2e/product-image.ts';
import { emptyNodes, nodeNumbers, throttled } from './large/empty-nodes.ts';
import { contenders, withContender, type Contender } from './large/programs.ts';
import { machineTicks, shareBetween } from './processor.ts';
import type { LargeImages } from './results.ts';
import { until } from './until.ts';

export type LargeOrder = { readonly images: number; readonly megabytes: number; readonly rate: string };

/** Large images from a registry beside two real nodes that have nothing: ours and a Job per image, with the kubelet pulling one after another and at once. */
export async function largeImages(order: LargeOrder): Promise<LargeImages[]> {
  const built = await bundled();
  const lab = await startLab({ nodes: nodeNumbers.length });
  try {
    await installCrd(lab);
    const noop = await productImage(lab, 'noop');
    const images: string[] = [];
    for (let index = 0; index < order.images; index += 1)
      images.push(await lab.pushImage({ name: `large-${index}:1`, bytes: order.megabytes * 1_000_000 }));
    await throttled(lab, order.rate);
    const measured: LargeImages[] = [];
    for (const contender of contenders(built.program, noop)) {
      await emptyNodes(lab, contender.serializeImagePulls);
      measured.push({ ...order, ...(await withContender(lab, contender, () => pulled(lab, contender, images))) });
    }
    return measured;
  } finally {
    await lab.stop();
    await built.remove();
  }
}

const name = 'large';

async function pulled(
  lab: StartedLab,
  { name: contender, spec, serializeImagePulls }: Contender,
  images: readonly string[],
) {
  const [before, ticks, begin] = [await lab.apiWrites(), await ticksNow(), Date.now()];
  const manifest = {
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata: { name, namespace: 'default' },
  };
  await lab.apply({ ...manifest, spec: { cacheSpec: [{ images }], ...spec } });
  const seconds = (): number => (Date.now() - begin) / 1000;
  const slow = { seconds: 3000, pause: 250 };
  await until('every image is on every node', slow, () => hasAll(lab, images));
  const [secondsToPulled, share] = [seconds(), shareBetween(ticks, await ticksNow())];
  await until('the cache is done with', slow, () => hasSucceeded(lab));
  const secondsToDone = seconds();
  const jobs = ['get', 'jobs', '-n', 'default', '-o', 'name'];
  await until('no Job is left', slow, async () => ((await lab.ask(...jobs)).trim() === '' ? true : undefined));
  const writes = writesBetween(before, await lab.apiWrites());
  await lab.ask('delete', 'imagecache', name, '-n', 'default');
  return {
    ...{ name: contender, serializeImagePulls, nodes: nodeNumbers.length, secondsToPulled, secondsToDone, writes },
    ...{ jobs: writes.by['POST jobs'] ?? 0, busyPercent: share.busy, diskWaitPercent: share.diskWait },
  };
}

const ticksNow = async () => machineTicks(await readFile('/proc/stat', 'utf8'));

async function hasSucceeded(lab: StartedLab): Promise<true | undefined> {
  const word = await lab.ask('get', 'imagecache', name, '-n', 'default', '-o', 'jsonpath={.status.status}');
  if (word === 'Succeeded') return true;
  if (word !== '' && word !== 'Processing') throw new Error(`the cache has ended as ${word}`);
  return undefined;
}

async function hasAll(lab: StartedLab, images: readonly string[]): Promise<true | undefined> {
  for (const node of nodeNumbers) {
    const there = new Set(await lab.images(node));
    if (!images.every((image) => there.has(image))) return undefined;
  }
  return true;
}
