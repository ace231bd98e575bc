import type { Verdict } from '#model/cache/conditions.ts';
import type { Status } from '#model/cache/image-cache.ts';
import { type Operation, activities, processingMessage } from '#model/cache/round.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { type Report, noNodesMessage, skippedByReason } from './report.ts';
import { troubleText, unreachableText } from './trouble.ts';

/** What the ledger says of a cache that pulls. Skipped nodes are not failures; without any other, there is nothing to be Ready. */
export function pullReport(status: Status): Report {
  const { desired, ready, failed } = nodeCounts(status.nodes);
  const isWorking = ready + failed < desired;
  const reconciling: Verdict = isWorking ? ['True', 'NodesPending'] : ['False', idleReason(status)];
  const rest = {
    ...{ ready: readyVerdict(status), reconciling, stalled: ['False', 'Ok'] as const },
    failing: failingReason(status),
  };
  if (failed > 0)
    return {
      ...rest,
      ...wordsOf(status, 'Failed', failedMessage(status)),
      ...(isWorking ? {} : { stalled: ['True', 'PullFailed'] }),
    };
  if (isWorking) return { ...rest, word: 'Processing', message: workingMessage(status, 'Create') };
  if (ready > 0) return { ...rest, ...wordsOf(status, 'Succeeded', allPulled) };
  const skipped = skippedByReason(Object.values(status.nodes));
  return {
    ...rest,
    word: 'NoImagesPulledOrDeleted',
    message: skipped === '' ? noNodesMessage : `${noneServed}: ${skipped}`,
  };
}

const pullFailed = 'Image pull failed for some images. Please see "failures" section';

/** An unreachable registry is named beside kube-fledged's words. */
function failedMessage(status: Status): string {
  const unreachable = unreachableText(status);
  return unreachable === '' ? pullFailed : `${pullFailed}: ${unreachable}`;
}

/** What is said while nodes pull: kube-fledged's words, until one of them fails. */
export function workingMessage(status: Status, operation: Operation): string {
  const trouble = operation === 'Purge' ? '' : troubleText(status);
  return trouble === '' ? processingMessage(operation) : `${activities[operation]}. ${trouble}`;
}

/** Reason of the condition Failing; undefined if no node fails. */
function failingReason(status: Status): string | undefined {
  const { failing, failed } = nodeCounts(status.nodes);
  if (failing + failed === 0) return undefined;
  return unreachableText(status) === '' ? 'PullFailed' : 'RegistryUnreachable';
}

const allPulled = 'All requested images pulled succesfully to respective nodes';
const noneServed = 'No images were pulled because none of the matching nodes can be served now';

/** Ready is True exactly if all nodes are that are not skipped, and not all are skipped. */
function readyVerdict({ nodes, lastRefreshTime, round }: Status): Verdict {
  const { desired, ready, failing, failed, skipped } = nodeCounts(nodes);
  if (failed > 0) return ['False', 'PullFailed'];
  if (failing > 0) return ['False', 'PullFailing'];
  if (desired === 0) return skipped === 0 ? ['True', 'NoMatchingNodes'] : ['False', 'NodesSkipped'];
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
