import { timeText } from '#model/text/times.ts';
import type { Verdict } from '#model/cache/conditions.ts';
import type { Status, Failure } from '#model/cache/image-cache.ts';
import type { Rollout } from '#model/cache/spec-schema.ts';
import { type Operation, activities, isAdoption, processingMessage } from '#model/cache/round.ts';
import { type NodeCounts, nodeCounts, noNodesMessage, skippedByReason } from '#model/desired/node-counts.ts';
import { waveText } from '#model/desired/rollout.ts';
import { registryText } from '#model/cache/registry-use.ts';
import type { Report } from './reported-status.ts';
import { imageLost } from '#model/cache/failures.ts';
import { isFailing, isLost, isUnsettled, keepsLosing } from '#model/cache/ledger.ts';
import { normalisedReference, parseImageReference } from '#model/text/image-reference.ts';

/** What is reported of a cache that pulls, by its ledger. Skipped nodes are not failures; without any other, there is nothing to be Ready. */
export function pullReport(status: Status, rollout?: Rollout): Report {
  const counts = nodeCounts(status.nodes);
  const { desired, ready, failed, held } = counts;
  const isWorking = ready + failed + held < desired;
  const reconciling: Verdict = isWorking ? ['True', 'NodesPending'] : ['False', idleReason(status)];
  const rest = {
    ready: readyVerdict(status, counts),
    reconciling,
    stalled: ['False', 'Ok'] as const,
    failing: failingReason(status, counts),
  };
  if (failed > 0)
    return {
      ...rest,
      ...wordsOf(status, 'Failed', failedMessage(status, counts)),
      ...(isWorking ? {} : { stalled: ['True', held > 0 ? 'RolloutStopped' : 'PullFailed'] }),
    };
  if (isWorking) return { ...rest, word: 'Processing', message: workingMessage(status, 'Create', rollout) };
  if (ready > 0) return { ...rest, ...wordsOf(status, 'Succeeded', pulledMessage(status)) };
  const skipped = skippedByReason(Object.values(status.nodes));
  return {
    ...rest,
    word: 'NoImagesPulledOrDeleted',
    message: skipped === '' ? noNodesMessage : `${noneServed}: ${skipped}`,
  };
}

const pullFailed = 'Image pull failed for some images. Please see "failures" section';

/** kube-fledged's words, followed by what failed where, registries that cannot be reached, and what a stopped rollout left out. */
function failedMessage(status: Status, { held, desired, failed }: NodeCounts): string {
  const keep = held === 1 ? '1 node keeps what it has' : `${held} of ${desired} nodes keep what they have`;
  const images = Object.keys(status.failures).length;
  const where = `${images} image${images === 1 ? '' : 's'} failed on ${failed} of ${desired} node${desired === 1 ? '' : 's'}`;
  const example = exampleText(status);
  const more = [
    unreachableText(status),
    held === 0 ? '' : `the rollout stopped, and ${keep}`,
    example === '' ? '' : `${where}, such as ${example}`,
  ].filter((text) => text !== '');
  return more.length === 0 ? pullFailed : `${pullFailed}: ${more.join('; ')}`;
}

/** `web:1.2.3 on node-7: ErrImagePull: not found`: the first failure with its image, node and reason; '' without failures. */
function exampleText({ failures }: Status): string {
  const [first] = Object.entries(failures).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const [failure] = first?.[1].toSorted((a, b) => (a.node < b.node ? -1 : 1)) ?? [];
  if (first === undefined || failure === undefined) return '';
  const { node, reason, message } = failure;
  return [`${first[0]} on ${node}`, reason, shortCause(message, first[0])].filter((text) => text !== '').join(': ');
}

/** A runtime names the image again and again, and then what is wrong; a message without it is cut. */
function shortCause(message: string, image: string): string {
  const cause =
    message
      .split(`${image}: `)
      .at(-1)
      ?.split(`${normalisedReference(image)}: `)
      .at(-1) ?? '';
  return cause.length <= maxCause ? cause : `${cause.slice(0, maxCause - 1)}…`.toWellFormed();
}

const maxCause = 160;

/** Which nodes have lost images and pull them again, with the first of them; '' if none has. */
function lostText({ nodes, failures }: Status): string {
  const lost = Object.values(nodes).filter((entry) => isUnsettled(entry) && isLost(entry)).length;
  if (lost === 0) return '';
  const found = Object.entries(failures).flatMap(([image, each]) =>
    each.flatMap(({ node, reason }) => (reason === imageLost ? [`${image} on ${node}`] : [])),
  );
  const example = found.length === 0 ? '' : `, such as ${found[0]}`;
  return `${lost} node${lost === 1 ? ' has lost images that it had, and pulls' : 's have lost images that they had, and pull'} them again${example}`;
}

/** Which images nodes have in another version than their registry reported; '' if none. */
function mismatchText({ knownDigests }: Status): string {
  const [first, ...others] = Object.entries(knownDigests).flatMap(([image, { hasMismatch }]) =>
    hasMismatch ? [image] : [],
  );
  if (first === undefined) return '';
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  return `Nodes have another digest of ${first}${more} than the registry reported: see digestMismatch in the "images" section`;
}

/** The message while nodes pull: kube-fledged's words, unless they pull in waves or one of them fails. */
export function workingMessage(status: Status, operation: Operation, rollout?: Rollout): string {
  if (operation === 'Purge') return processingMessage(operation);
  const texts = [
    waveText(rollout, status.nodes, status.nextWaveTime),
    registryText(status),
    lostText(status),
    troubleText(status),
  ].filter((text) => text !== '');
  return texts.length === 0 ? processingMessage(operation) : [activities[operation], ...texts].join('. ');
}

/** Reason of the condition Failing; undefined if no node fails. */
function failingReason(status: Status, { failing, failed }: NodeCounts): string | undefined {
  if (failing + failed === 0) return undefined;
  return unreachableText(status) === '' ? 'PullFailed' : 'RegistryUnreachable';
}

const allPulled = 'All requested images pulled succesfully to respective nodes';

const pulledMessage = (status: Status): string =>
  [allPulled, mismatchText(status)].filter((text) => text !== '').join('. ');

const noneServed = 'No images were pulled because none of the matching nodes can be served now';

/** Ready is True if all nodes that are not skipped are Ready, and not all are skipped. */
function readyVerdict({ nodes, lastRefreshTime, round }: Status, counts: NodeCounts): Verdict {
  const { desired, ready, failing, failed, skipped } = counts;
  const entries = Object.values(nodes);
  if (failed > 0) return ['False', entries.filter(keepsLosing).length === failed ? 'ImagesLost' : 'PullFailed'];
  if (failing > 0) return ['False', 'PullFailing'];
  if (entries.some((entry) => isUnsettled(entry) && isLost(entry))) return ['False', 'ImagesLost'];
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

/** The sentence about nodes that fail to pull while they are still tried: how many, why if it is a registry, until when. '' if none fails. */
export function troubleText(status: Status): string {
  const { failing, failed, desired } = nodeCounts(status.nodes);
  if (failing + failed === 0) return '';
  const cause = unreachableText(status) || refusedText(status);
  const example = exampleText(status);
  const which = failed === 0 ? '' : `${failing} of them ${failing === 1 ? 'is' : 'are'} `;
  return [
    `${failing + failed} of ${desired} node${desired === 1 ? '' : 's'} cannot pull so far`,
    ...(cause === '' ? [] : [` because ${cause}`]),
    ...(failing === 0 ? [] : [`; ${which}tried again${untilText(status)}`]),
    '. Please see "failures" section',
    ...(cause === '' && example !== '' ? [`: ${example}`] : []),
  ].join('');
}

/** When the last of them is given up. */
function untilText({ nodes }: Status): string {
  const ends = Object.values(nodes).flatMap((entry) =>
    isFailing(entry) ? (entry.failingUntil ?? entry.retryDeadline ?? []) : [],
  );
  return ends.length === 0 ? '' : ` until ${timeText(Math.max(...ends))}`;
}

/** `registry.example.com cannot be reached`, each registry once; '' if none is known to be unreachable. */
function unreachableText({ failures }: Status): string {
  const hosts = unreachableHosts(failures);
  const more = hosts.length - maxHosts;
  const named = more > 0 ? `${hosts.slice(0, maxHosts).join(', ')} and ${more} more` : hosts.join(', ');
  return hosts.length === 0 ? '' : `${named} cannot be reached`;
}

/** Said if a quota or an admission policy is all that fails. */
function refusedText({ failures }: Status): string {
  const reasons = new Set(Object.values(failures).flatMap((list) => list.map(({ reason }) => reason)));
  return reasons.size === 1 && reasons.has('FailedCreate') ? 'Pods cannot be created' : '';
}

const maxHosts = 5;

/** The hosts that nodes could not connect to: as the runtime names them, and for which registry if it is another one, as a mirror is. */
export function unreachableHosts(failures: Status['failures']): readonly string[] {
  const hosts = Object.entries(failures).flatMap(([image, list]) => {
    const { registry } = parseImageReference(image);
    return list.filter(isUnreachable).map(({ message }) => {
      const host = hostIn(message) ?? registry;
      return host === registry || host.endsWith(`.${registry}`) ? host : `${host} for ${registry}`;
    });
  });
  return [...new Set(hosts)].toSorted();
}

const isUnreachable = ({ reason, message }: Failure): boolean =>
  (reason === 'ErrImagePull' || reason === 'ImagePullBackOff' || reason === 'RegistryUnavailable') &&
  connectionErrors.test(message);

/** Errors of a connection that never came about, as Go words them. An answer of the registry is none, nor is a refused certificate. */
const connectionErrors =
  /dial tcp|connection refused|no such host|i\/o timeout|TLS handshake timeout|no route to host|network is unreachable|server misbehaving|connection reset by peer/;

const hostIn = (message: string): string | undefined =>
  /\b(?:Get|Head|Post) \\?"https?:\/\/([^/"\\?]+)/.exec(message)?.[1];
