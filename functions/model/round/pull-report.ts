import type { Verdict } from '#model/cache/conditions.ts';
import type { Status } from '#model/cache/image-cache.ts';
import type { Rollout } from '#model/cache/spec-fields.ts';
import { type Operation, activities, isAdoption, processingMessage } from '#model/cache/round.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { waveText } from '#model/desired/rollout.ts';
import { registryText } from '#model/desired/registry-text.ts';
import { type Report, noNodesMessage, skippedByReason } from './report.ts';
import { troubleText, unreachableText } from './trouble.ts';

/** What the ledger says of a cache that pulls. Skipped nodes are not failures; without any other, there is nothing to be Ready. */
export function pullReport(status: Status, rollout?: Rollout): Report {
  const { desired, ready, failed, held } = nodeCounts(status.nodes);
  const isWorking = ready + failed + held < desired;
  const reconciling: Verdict = isWorking ? ['True', 'NodesPending'] : ['False', idleReason(status)];
  const rest = {
    ...{ ready: readyVerdict(status), reconciling, stalled: ['False', 'Ok'] as const },
    failing: failingReason(status),
  };
  if (failed > 0)
    return {
      ...rest,
      ...wordsOf(status, 'Failed', failedMessage(status)),
      ...(isWorking ? {} : { stalled: ['True', held > 0 ? 'RolloutStopped' : 'PullFailed'] }),
    };
  if (isWorking) return { ...rest, word: 'Processing', message: workingMessage(status, 'Create', rollout) };
  if (ready > 0) return { ...rest, ...wordsOf(status, 'Succeeded', allPulled) };
  const skipped = skippedByReason(Object.values(status.nodes));
  return {
    ...rest,
    word: 'NoImagesPulledOrDeleted',
    message: skipped === '' ? noNodesMessage : `${noneServed}: ${skipped}`,
  };
}

const pullFailed = 'Image pull failed for some images. Please see "failures" section';

/** An unreachable registry, and what a stopped rollout left out, are named beside kube-fledged's words. */
function failedMessage(status: Status): string {
  const { held, desired } = nodeCounts(status.nodes);
  const keep = held === 1 ? '1 node keeps what it has' : `${held} of ${desired} nodes keep what they have`;
  const more = [unreachableText(status), held === 0 ? '' : `the rollout stopped, and ${keep}`].filter(
    (text) => text !== '',
  );
  return more.length === 0 ? pullFailed : `${pullFailed}: ${more.join('; ')}`;
}

/** What is said while nodes pull: kube-fledged's words, unless they pull in waves or one of them fails. */
export function workingMessage(status: Status, operation: Operation, rollout?: Rollout): string {
  if (operation === 'Purge') return processingMessage(operation);
  const texts = [
    waveText(rollout, status.nodes, status.nextWaveTime),
    registryText(status),
    troubleText(status),
  ].filter((each) => each !== '');
  return texts.length === 0 ? processingMessage(operation) : [activities[operation], ...texts].join('. ');
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
  message: isAdoption(status.round) && status.status === word ? status.message : message,
});

const idleReason = ({ round }: Status): string => (isAdoption(round) ? 'Adopted' : 'RoundCompleted');
