import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { StartedLab } from '../../cluster/lab.ts';
import { labScript } from '../../cluster/lab-script.ts';
import { until } from '../until.ts';

export const nodeNumbers = [1, 2] as const;

const nodes = z.object({
  items: z.array(
    z.object({
      status: z.object({
        conditions: z.array(z.object({ type: z.string(), status: z.string(), lastHeartbeatTime: z.string() })),
      }),
    }),
  ),
});

/** Restarts both nodes with empty disks, like new machines, and waits until they are Ready. */
export async function emptyNodes(lab: StartedLab, serializeImagePulls: boolean): Promise<void> {
  process.env['SERIALIZE_IMAGE_PULLS'] = String(serializeImagePulls); // the lab's node-init reads it
  const script = labScript(lab.place);
  for (const node of nodeNumbers) {
    await script(['kill', String(node)]);
    const disk = join(lab.place.folder, `run/node${node}`);
    for (const folder of ['containerd', 'kubelet']) await rm(join(disk, folder), { recursive: true, force: true });
  }
  const since = Math.floor(Date.now() / 1000) * 1000; // heartbeats are in whole seconds
  for (const node of nodeNumbers) await script(['start', String(node)]);
  await until('both nodes are Ready again', { seconds: 180, pause: 500 }, async () => {
    const { items } = nodes.parse(JSON.parse(await lab.ask('get', 'nodes', '-o', 'json')));
    const ready = items.filter(({ status }) =>
      status.conditions.some(
        ({ type, status: is, lastHeartbeatTime }) =>
          type === 'Ready' && is === 'True' && Date.parse(lastHeartbeatTime) >= since,
      ),
    );
    return ready.length === nodeNumbers.length ? true : undefined;
  });
}

/** Limits the network of each node to a rate of tc; '' is no limit. */
export async function throttled(lab: StartedLab, rate: string): Promise<void> {
  if (rate === '') return;
  for (const node of nodeNumbers)
    await labScript(lab.place)([
      ...['enter', 'tc', 'qdisc', 'replace', 'dev', `node${node}`, 'root', 'tbf'],
      ...['rate', rate, 'burst', '2mb', 'latency', '50ms'],
    ]);
}
