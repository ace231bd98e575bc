import * as z from 'zod/mini';

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
