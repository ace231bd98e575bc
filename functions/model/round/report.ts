import type { Verdict } from '#model/cache/conditions.ts';
import type { StatusValue } from '#model/cache/image-cache.ts';

/** What a ledger says of a cache, in kube-fledged's words where it has words for it. */
export type Report = {
  readonly word: StatusValue;
  readonly message: string;
  readonly ready: Verdict;
  readonly reconciling: Verdict;
  readonly stalled: Verdict;
  /** Reason of the condition Failing, which is present only while a node fails to pull. */
  readonly failing: string | undefined;
};

export const noNodesMessage = 'No images were pulled or deleted because nodeSelector specified did not match any nodes';

/** `2 NotReady, 1 Virtual`: how many nodes are skipped, by reason. */
export function skippedByReason(entries: readonly { readonly reason: string }[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of entries) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .toSorted()
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ');
}
