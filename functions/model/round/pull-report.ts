import type { Verdict } from '#model/cache/conditions.ts';
import type { Status } from '#model/cache/image-cache.ts';
import { processingMessage } from '#model/cache/round.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { type Report, noNodesMessage, skippedByReason } from './report.ts';

/** What the ledger says of a cache that pulls. Skipped nodes are not failures; without any other, there is nothing to be Ready. */
export function pullReport(status: Status): Report {
  const { desired, ready, failed } = nodeCounts(status.nodes);
  const isWorking = ready + failed < desired;
  const reconciling: Verdict = isWorking ? ['True', 'NodesPending'] : ['False', idleReason(status)];
  const rest = { ready: readyVerdict(status), reconciling, stalled: ['False', 'Ok'] as const };
  if (failed > 0)
    return {
      ...rest,
      ...wordsOf(status, 'Failed', pullFailed),
      ...(isWorking ? {} : { stalled: ['True', 'PullFailed'] }),
    };
  if (isWorking) return { ...rest, word: 'Processing', message: processingMessage('Create') };
  if (ready > 0) return { ...rest, ...wordsOf(status, 'Succeeded', allPulled) };
  const skipped = skippedByReason(Object.values(status.nodes));
  return {
    ...rest,
    word: 'NoImagesPulledOrDeleted',
    message: skipped === '' ? noNodesMessage : `${noneServed}: ${skipped}`,
  };
}

const pullFailed = 'Image pull failed for some images. Please see "failures" section';
const allPulled = 'All requested images pulled succesfully to respective nodes';
const noneServed = 'No images were pulled because none of the matching nodes can be served now';

/** Ready is True exactly if all nodes are that are not skipped. */
function readyVerdict({ nodes, lastRefreshTime, round }: Status): Verdict {
  const { desired, ready, failed } = nodeCounts(nodes);
  if (failed > 0) return ['False', 'PullFailed'];
  if (desired === 0) return ['True', 'NoMatchingNodes'];
  if (ready === desired) return ['True', 'AllImagesPresent'];
  const isFirst = lastRefreshTime === undefined && round?.trigger !== 'Adopted';
  return isFirst ? ['Unknown', 'NotYetPulled'] : ['False', 'PullInProgress'];
}

/** An adopted cache keeps the message that kube-fledged gave with the same word. */
const wordsOf = (status: Status, word: Status['status'], message: string): Pick<Report, 'word' | 'message'> => ({
  word,
  message: isAdopted(status) && status.status === word ? status.message : message,
});

const isAdopted = ({ round }: Status): boolean => round?.trigger === 'Adopted' && round.number === 0;
const idleReason = (status: Status): string => (isAdopted(status) ? 'Adopted' : 'RoundCompleted');
