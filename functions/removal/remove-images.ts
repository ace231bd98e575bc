import { normalisedReference } from '#model/text/image-reference.ts';
import {
  removalResult,
  type RemovalOrder,
  type RemovalOutcome,
  type RemovalResult,
} from '#model/removal/removal-result.ts';
import type { Cri } from './cri.ts';
import { createLook } from './look.ts';
import { planRemoval } from './plan-removal.ts';
import type { RuntimeImage } from './runtime-state.ts';

/** Removes references one by one, each planned from the runtime's current state. Throws if the runtime is not reachable. */
export async function removeImages(cri: Cri, order: RemovalOrder): Promise<RemovalResult> {
  const runtime = await cri.version();
  const remove = createRemoval(cri, order);
  const outcomes: RemovalOutcome[] = [];
  for (const image of order.remove) outcomes.push(await remove(image).catch((error: unknown) => failed(image, error)));
  return removalResult(runtime, outcomes);
}

function createRemoval(cri: Cri, order: RemovalOrder): (reference: string) => Promise<RemovalOutcome> {
  const look = createLook(cri);
  const removedNames = new Set<string>();
  return async (image) => {
    const plan = planRemoval(image, order, await look());
    if (plan.act === 'spare') return { outcome: 'spared', image, reason: plan.reason, by: plan.by.join(', ') };
    if (plan.act === 'nothing') return absent(image, removedNames);
    await removeImage(cri, plan.image);
    for (const name of plan.names) removedNames.add(name);
    return { outcome: 'removed', image, bytes: plan.image.bytes, also: plan.also.join(', ') };
  };
}

/** Reports a name as removed if it was removed with another name of its image, where its bytes are counted. */
const absent = (image: string, removedNames: ReadonlySet<string>): RemovalOutcome =>
  removedNames.has(normalisedReference(image))
    ? { outcome: 'removed', image, bytes: 0, also: '' }
    : { outcome: 'absent', image };

/** Removes by id, as kubelets do, so that the planned image is removed even if a tag has moved since. */
async function removeImage(cri: Cri, { id }: RuntimeImage): Promise<void> {
  await cri.removeImage(id);
  if (await cri.hasImage(id)) throw new Error(`the runtime did not refuse to remove ${id}, and still has it`);
}

const failed = (image: string, error: unknown): RemovalOutcome => ({
  outcome: 'failed',
  image,
  message: error instanceof Error ? error.message : String(error),
});
