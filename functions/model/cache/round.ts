/** One operation on one cache. The number grows by one, under the resourceVersion lock, before any Job of the round exists. */
export type Round = {
  readonly number: number;
  readonly operation: Operation;
  readonly generation: number;
  readonly trigger: Trigger;
  /** Epoch milliseconds. */
  readonly startTime: number;
  /** The annotation that asked for the round, and goes with its end: as long as it stands here it asks for nothing more. */
  readonly requestedBy: RequestAnnotation | undefined;
};

export type RequestAnnotation = { readonly annotation: string; readonly value: string };

export const operations = ['Create', 'Update', 'Refresh', 'Purge'] as const;
export type Operation = (typeof operations)[number];
export const triggers = ['Spec', 'Annotation', 'Schedule', 'Adopted', 'Deletion'] as const;
export type Trigger = (typeof triggers)[number];

/** kube-fledged's `status.reason` of an operation. */
export const statusReason = (operation: Operation): string => `ImageCache${operation}`;

/** kube-fledged's `status.message` while an operation is under way. */
export function processingMessage(operation: Operation): string {
  const deed = {
    Create: 'Images are being pulled on to the nodes',
    Update: 'Image cache is being updated',
    Refresh: 'Image cache is being refreshed',
    Purge: 'Image cache is being purged',
  }[operation];
  return `${deed}. Please view the status after some time`;
}
