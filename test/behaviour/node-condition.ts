import * as z from 'zod/mini';
import type { Kube } from './kube.ts';

const node = z.object({
  metadata: z.object({ uid: z.string() }),
  status: z.prefault(
    z.object({
      conditions: z._default(z.array(z.looseObject({ type: z.string(), status: z.string() })), []),
      nodeInfo: z._default(z.record(z.string(), z.string()), {}),
    }),
    {},
  ),
});

export const seenNode = (object: unknown): z.infer<typeof node> => node.parse(object);

export const isNodeReady = (object: unknown): boolean =>
  object !== undefined &&
  seenNode(object).status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');

type Reported = { readonly type: 'Ready' | 'DiskPressure'; readonly status: 'True' | 'False' };

/** Sets a condition of a Node as its kubelet would. */
export async function reportCondition(kube: Kube, name: string, { type, status }: Reported): Promise<void> {
  const object = await kube.get('Node', name);
  if (object === undefined) return;
  const { conditions } = seenNode(object).status;
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const others = conditions.filter((condition) => condition.type !== type);
  const condition = { type, status, reason: 'Test', message: '', lastHeartbeatTime: now, lastTransitionTime: now };
  await kube.patchStatus('Node', name, { conditions: [...others, condition] });
}
