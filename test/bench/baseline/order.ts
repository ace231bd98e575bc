/** One image that is to come to one node: kube-fledged makes a Job for each. */
export type Order = { readonly image: string; readonly node: string };

export type Result = Order & { readonly job: string; readonly status: 'created' | 'succeeded' | 'failed' };

/** In kube-fledged's order: node by node, image by image. */
export const ordersFor = (nodes: readonly string[], images: readonly string[]): readonly Order[] =>
  nodes.flatMap((node) => images.map((image) => ({ image, node })));

/** Looks while any Job is open, until the deadline has passed. */
export const isOver = (results: readonly Result[], waited: number, deadline: number): boolean =>
  waited >= deadline || results.every(({ status }) => status !== 'created');

/** The status that an operation ends with. What is still open when it ends has failed. */
export function finalStatus(results: readonly Result[]): { readonly status: string; readonly message: string } {
  if (results.length === 0)
    return {
      status: 'NoImagesPulledOrDeleted',
      message: 'No images were pulled or deleted because nodeSelector specified did not match any nodes',
    };
  if (results.some(({ status }) => status !== 'succeeded'))
    return {
      status: 'Failed',
      message: 'Image pull failed for some images. Please see "failures" section',
    };
  return { status: 'Succeeded', message: 'All requested images pulled succesfully to respective nodes' };
}

/** What a Job's Pod says of it; one that has not ended, or was not seen yet, is open. */
export function statusOf(phase: string | undefined): Result['status'] {
  if (phase === 'Succeeded') return 'succeeded';
  return phase === 'Failed' ? 'failed' : 'created';
}
