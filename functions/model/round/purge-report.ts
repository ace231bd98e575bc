import type { Cause } from '#model/cache/cause.ts';
import { withNode, withoutNode } from '#model/cache/failures.ts';
import type { Verdict } from '#model/cache/conditions.ts';
import type { Failures, Status } from '#model/cache/image-cache.ts';
import { type RemovalEntry, isOwed, isRemovalUnsettled } from '#model/cache/removal-ledger.ts';
import { processingMessage } from '#model/cache/round.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { type Report, noNodesMessage, skippedByReason } from './report.ts';

/** What the removal ledger says of a purged cache: it has succeeded once no node owes a removal, except for what was spared. */
export function purgeReport(status: Status): Report {
  const entries = Object.values(status.removals);
  const isWorking = entries.some(isRemovalUnsettled);
  const reconciling: Verdict = isWorking ? ['True', 'NodesPending'] : ['False', 'RoundCompleted'];
  const rest = { ready: ['False', 'Purged'], reconciling, stalled: ['False', 'Ok'], failing: undefined } as const;
  if (entries.some(isOwed))
    return { ...rest, word: 'Failed', message: deletionFailed, ...(isWorking ? {} : { stalled: removalFailed }) };
  if (isWorking) return { ...rest, word: 'Processing', message: processingMessage('Purge') };
  const done = entries.filter(({ state }) => state === 'Removed');
  if (done.length > 0) return { ...rest, ...doneReport(done) };
  if (entries.length > 0)
    return { ...rest, word: 'NoImagesPulledOrDeleted', message: `${noneServed}: ${skippedByReason(entries)}` };
  if (keepsWords(status)) return { ...rest, word: status.status, message: status.message };
  return { ...rest, word: 'NoImagesPulledOrDeleted', message: noNodesMessage };
}

const removalFailed: Verdict = ['True', 'RemovalFailed'];
const deletionFailed = 'Image deletion failed for some images. Please see "failures" section';
const allDeleted = 'All cached images succesfully deleted from respective nodes';
const noneServed = 'No images were deleted because none of the matching nodes can ever have them';

function doneReport(done: readonly RemovalEntry[]): Pick<Report, 'word' | 'message'> {
  const sum = (of: (entry: RemovalEntry) => number): number => done.reduce((total, entry) => total + of(entry), 0);
  const spared = sum((entry) => entry.spared);
  if (spared === 0) return { word: 'Succeeded', message: allDeleted };
  const nodes = done.filter((entry) => entry.spared > 0).length;
  const where = `${spared} on ${nodes} node${nodes === 1 ? '' : 's'}`;
  const why = 'used by Pods or needed by other caches. Please see "removals" section';
  return sum(({ removed, absent }) => removed + absent) === 0
    ? { word: 'NoImagesPulledOrDeleted', message: `No images were deleted: ${where} are ${why}` }
    : { word: 'Succeeded', message: `${allDeleted}, except for ${where} that are ${why}` };
}

/** The nodes of a purge that has ended may all be gone by now, and kube-fledged's own purges have no removal ledger. */
const keepsWords = ({ status, round }: Status): boolean =>
  status !== 'Processing' && (status !== 'Failed' || round?.trigger === 'Adopted');

/** Why images are still on nodes, by image: as removal Jobs reported it, else by the state of the removal. */
export function purgeFailures({ failures, removals, toRemove, round }: Status): Failures {
  if (round?.trigger === 'Adopted' && Object.keys(removals).length === 0) return failures;
  const reported = new Set(Object.values(failures).flatMap((each) => each.map(({ node }) => node)));
  const gone = [...reported].filter((node) => !isOwed(ownEntry(removals, node)));
  let next = failures;
  for (const node of gone) next = withoutNode(next, node);
  for (const [node, entry] of Object.entries(removals)) {
    if (!isOwed(entry) || (entry.state === 'Failed' && reported.has(node))) continue;
    const images = ownEntry(toRemove, entry.imagesHash) ?? [];
    next = withNode(next, { node, causes: new Map(images.map((image) => [image, causeOf(entry)])) });
  }
  return next;
}

/** In kube-fledged's words for a node that is away. */
const causeOf = ({ state, reason, message }: RemovalEntry): Cause =>
  state === 'Failed' ? { reason, message } : { reason, message: 'Check if node is ready' };
