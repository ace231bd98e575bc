import type { Failure, Status } from '#model/cache/image-cache.ts';
import { isFailing } from '#model/cache/ledger.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { parseImageReference } from '#model/text/image-reference.ts';

/** What is said of nodes that fail to pull while they are still tried: how many, why if it is a registry, until when. '' if none fails. */
export function troubleText(status: Status): string {
  const { failing, failed, desired } = nodeCounts(status.nodes);
  if (failing + failed === 0) return '';
  const cause = unreachableText(status) || refusedText(status);
  const which = failed === 0 ? '' : `${failing} of them ${failing === 1 ? 'is' : 'are'} `;
  return [
    `${failing + failed} of ${desired} node${desired === 1 ? '' : 's'} cannot pull so far`,
    ...(cause === '' ? [] : [` because ${cause}`]),
    ...(failing === 0 ? [] : [`; ${which}tried again${untilText(status)}`]),
    '. Please see "failures" section',
  ].join('');
}

/** When the last of them is given up. */
function untilText({ nodes }: Status): string {
  const ends = Object.values(nodes).flatMap((entry) =>
    isFailing(entry) ? (entry.failingUntil ?? entry.retryDeadline ?? []) : [],
  );
  return ends.length === 0 ? '' : ` until ${new Date(Math.max(...ends)).toISOString().slice(0, 19)}Z`;
}

/** `registry.example.com cannot be reached`, each registry once; '' if none is known to be unreachable. */
export function unreachableText({ failures }: Status): string {
  const hosts = unreachableHosts(failures);
  const more = hosts.length - maxHosts;
  const named = more > 0 ? `${hosts.slice(0, maxHosts).join(', ')} and ${more} more` : hosts.join(', ');
  return hosts.length === 0 ? '' : `${named} cannot be reached`;
}

/** Said if a quota or an admission policy is all that fails. */
function refusedText({ failures }: Status): string {
  const reasons = new Set(Object.values(failures).flatMap((each) => each.map(({ reason }) => reason)));
  return reasons.size === 1 && reasons.has('FailedCreate') ? 'Pods cannot be created' : '';
}

const maxHosts = 5;

/** The hosts that nodes could not connect to: as the runtime names them, which may be a mirror, else the registry of the image. */
export function unreachableHosts(failures: Status['failures']): readonly string[] {
  const hosts = Object.entries(failures).flatMap(([image, each]) =>
    each.filter(isUnreachable).map(({ message }) => hostIn(message) ?? parseImageReference(image).registry),
  );
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
