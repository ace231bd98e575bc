import { annotations } from '#model/cache/api.ts';
import { hadImagesOf, keepsLosing, type LedgerEntry, newEntry } from '#model/cache/ledger.ts';
import { nothingFound } from '#model/cache/found-images.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import { withPlacements } from '#model/desired/placements.ts';
import type { Plan } from '#model/plan.ts';
import { type RemovalLedger, newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { type RoundRequest, nextRefresh } from './next-round.ts';
import { processingMessage, statusReason } from '#model/cache/round.ts';
import { type Cause, withNode } from '#model/cache/failures.ts';
import type { Observed } from '#model/observed.ts';
import type { Settings } from '#model/cache/settings.ts';
import { roundDownToSecond } from '#model/text/times.ts';
import { desiredImages } from '#model/desired/desired-images.ts';
import { withAllWaiting, withFailed, withLocks } from '#model/cache/image-states.ts';
import { keepsPullRecords } from '#model/node/node.ts';
import type { World } from '#model/world.ts';
import { ownEntry } from '#model/text/untrusted.ts';

/** The cache with a round opened: unsettled and failed nodes start over, Ready ones stay. */
export function openRound(cache: ImageCache, request: RoundRequest, now: number): ImageCache {
  const { operation, trigger, annotation } = request;
  const number = (cache.status.round?.number ?? 0) + 1;
  return {
    ...cache,
    status: {
      ...cache.status,
      status: 'Processing',
      reason: statusReason(operation),
      message: processingMessage(operation),
      startTime: now,
      completionTime: undefined,
      nextWaveTime: undefined,
      absentImages: [],
      failures: {},
      observedGeneration: cache.generation,
      ...(operation === 'Purge' ? nothingDesired : renewed(cache.status, request, now)),
      removals: unfinished(cache.status.removals, number),
      lastHandledRefreshAt: handledToken(cache, request),
      lastHandledPurgeAt: handledPurgeToken(cache, request),
      placements: withPlacements(cache),
      found: operation === 'Purge' ? nothingFound : cache.found,
      round: { number, operation, trigger, generation: cache.generation, startTime: now, requestedBy: annotation },
    },
  };
}

/** An edit, and other images of workloads, leave a refresh token for the next refresh; every other round handles it. */
function handledToken(cache: ImageCache, { trigger, operation }: RoundRequest): string {
  const isLeft = (trigger === 'Spec' || trigger === 'Workloads') && operation === 'Update';
  const { lastHandledRefreshAt } = cache.status;
  return isLeft ? lastHandledRefreshAt : (cache.annotations[annotations.refreshRequestedAt] ?? lastHandledRefreshAt);
}

/** In a purge no node has to hold any image. */
const nothingDesired = {
  ...{ nodes: {}, desired: {}, digests: {}, knownDigests: {}, anonymousPulls: {} },
  nextRefreshTime: undefined,
};

/** Completed removals of earlier rounds are dropped; unfinished ones are still to be done, failed ones at once. */
const unfinished = (removals: RemovalLedger, round: number): RemovalLedger =>
  Object.fromEntries(
    Object.entries(removals).flatMap(([name, entry]) => {
      if (entry.state === 'Removed') return [];
      return [[name, entry.state === 'Failed' ? newRemovalEntry(entry.id, entry.imagesHash, round) : entry]];
    }),
  );

/** In an adopted cache, nobody knows whether a token was handled before. */
function handledPurgeToken(cache: ImageCache, { operation, trigger }: RoundRequest): string {
  const isHandled = operation === 'Purge' || operation === 'Create' || trigger === 'Adopted';
  const { lastHandledPurgeAt } = cache.status;
  return isHandled ? (cache.annotations[annotations.purgeRequestedAt] ?? lastHandledPurgeAt) : lastHandledPurgeAt;
}

/** Nodes that keep losing images wait on, unless a user asks for the round. */
function renewed(
  { nodes, failures }: Status,
  { trigger }: RoundRequest,
  now: number,
): Pick<Status, 'nodes' | 'failures'> {
  const isAsked = trigger === 'Annotation' || trigger === 'Spec';
  const waits = (entry: LedgerEntry | undefined): boolean => !isAsked && entry !== undefined && keepsLosing(entry);
  const entries = Object.entries(nodes).map(
    ([name, entry]) => [name, waits(entry) ? entry : renewedEntry(entry, now)] as const,
  );
  const kept = Object.entries(failures).flatMap(([image, each]) => {
    const ofWaiting = each.filter(({ node }) => waits(ownEntry(nodes, node)));
    return ofWaiting.length === 0 ? [] : [[image, ofWaiting] as const];
  });
  return { nodes: Object.fromEntries(entries), failures: Object.fromEntries(kept) };
}

/** Milliseconds after which it does not matter any more when a node became Ready. */
const longReady = 3_600_000;

function renewedEntry(entry: LedgerEntry, now: number): LedgerEntry {
  const isOld = entry.lostAt === undefined && now - (entry.readyAt ?? now) > longReady;
  if (entry.state === 'Ready') return { ...entry, attempt: 0, rests: 0, ...(isOld ? { readyAt: undefined } : {}) };
  const { id, desiredHash, retainedHash, copiesNoop, topology } = entry;
  const { images, noop } = withAllWaiting(entry);
  const { state, reason } = entry.state === 'Skipped' ? entry : newEntry(id, desiredHash);
  const { lostAt, losses, readyAt } = entry;
  const kept = {
    lostAt,
    losses,
    readyAt,
    retainedHash,
    state,
    reason,
    copiesNoop,
    images,
    noop,
    topology,
    hadImages: hadImagesOf(entry),
  };
  return { ...newEntry(id, desiredHash), ...kept };
}

/** Removes trigger annotations that are older than the first round, without acting on them, and reports it in an Event. */
export function ignoreStaleTriggers(cache: ImageCache, plan: Plan): Plan {
  const requested = cache.status.round?.requestedBy?.annotation;
  const stale = [annotations.refresh, annotations.purge].filter((key) => key in cache.annotations && key !== requested);
  if (stale.length === 0) return plan;
  const message = `${stale.join(' and ')} was set before the first round of the cache: removed without acting on it`;
  return {
    ...plan,
    annotations: Object.fromEntries(stale.map((key) => [key, cache.annotations[key] ?? ''])),
    events: [...plan.events, { type: 'Warning', reason: 'StaleTriggerIgnored', message, key: 'stale-trigger' }],
  };
}

/** Reports what a CRD that lacks our fields has dropped. */
export const prunedEvents = ({ isStatusPruned, generation }: ImageCache): Plan['events'] =>
  isStatusPruned
    ? [{ type: 'Warning', reason: 'FieldsPruned', message: prunedMessage, key: `pruned ${generation}` }]
    : [];

const prunedMessage = `Another CRD was installed for a time, which drops fields that it does not know: apply the manifest of this ImageCache again if its spec has lost any. Nodes are looked at again. A purge requested by ${annotations.purgeRequestedAt} meanwhile must be requested by another value`;

/** Adopts a cache of kube-fledged with the status it has: no round opens and no image is pulled again. */
export function adopt({ before, observed, settings, scheduled, now }: World): ImageCache {
  const isPurged = before.status.reason === 'ImageCachePurge';
  const status: Status = {
    ...before.status,
    completionTime: before.status.completionTime ?? now,
    observedGeneration: before.generation,
    ...(isPurged ? {} : { failures: {} }),
    ...(hasResult(before) && !isPurged
      ? adoptedLedger(before, observed, settings, roundDownToSecond(now))
      : { nodes: {} }),
    placements: isPurged ? [] : withPlacements(before),
    lastHandledRefreshAt: before.annotations[annotations.refreshRequestedAt] ?? '',
    lastHandledPurgeAt: before.annotations[annotations.purgeRequestedAt] ?? '',
    nextRefreshTime: isPurged ? undefined : nextRefresh(before, settings, scheduled, now),
    round: {
      number: 0,
      operation: isPurged ? 'Purge' : 'Create',
      trigger: 'Adopted',
      generation: before.generation,
      startTime: now,
      requestedBy: undefined,
    },
  };
  return { ...before, status };
}

/**
 * Whether kube-fledged's last operation has ended with a result for its images. Another status, such as `Failed` without failures,
 * says nothing of what nodes have: they are looked at, as nodes that join. Nor does one that was pruned: the spec may have been edited.
 */
export const hasResult = ({ isStatusPruned, status: { status, failures } }: ImageCache): boolean =>
  !isStatusPruned && (status === 'Succeeded' || (status === 'Failed' && Object.keys(failures).length > 0));

/** Every node counts as holding its images, except those that kube-fledged reports as failed, by hostname. Where it matched no node, none does. */
function adoptedLedger(
  cache: ImageCache,
  observed: Observed,
  settings: Settings,
  readyAt: number,
): Pick<Status, 'nodes' | 'failures'> {
  const nodes: Record<string, LedgerEntry> = {};
  let failures: Status['failures'] = {};
  for (const [name, node] of observed.nodes) {
    const desired = node === undefined ? undefined : desiredImages(cache, node, settings);
    if (node === undefined || desired === undefined) continue;
    const hostname = node.labels['kubernetes.io/hostname'] ?? name;
    const causeOf = (image: string): Cause | undefined =>
      ownEntry(cache.status.failures, image)?.find((failure) => failure.node === hostname);
    const causes = desired.images.flatMap((image, index) => {
      const cause = causeOf(image);
      return cause === undefined ? [] : [{ image, index, cause }];
    });
    const state = causes.length > 0 ? 'Failed' : 'Ready';
    const failed = causes.map(({ index }) => index);
    const entry = withFailed<LedgerEntry>(
      { ...newEntry(node.id, desired.hash), state, readyAt },
      failed,
      desired.images.length,
    );
    nodes[name] = keepsPullRecords(node) ? entry : withLocks(entry, [], desired.images.length);
    failures = withNode(failures, { node: name, causes: new Map(causes.map(({ image, cause }) => [image, cause])) });
  }
  return { nodes, failures };
}
