import { hash } from '#model/text/hash.ts';
import { type ImageCache, type Status, isRoundOpen, type Failures } from '#model/cache/image-cache.ts';
import { removalDeadline } from '#model/job/job-times.ts';
import type { CacheEvent } from '#model/cache/api.ts';
import {
  type RemovalEntry,
  type RemovalLedger,
  isDone,
  isOwed,
  unsettledRemovals,
} from '#model/cache/removal-ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import { type Cause, withNode, withoutNode } from '#model/cache/failures.ts';
import type { Verdict } from '#model/cache/conditions.ts';
import { processingMessage } from '#model/cache/round.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { noNodesMessage, skippedByReason } from '#model/desired/node-counts.ts';
import type { Report } from '#model/report/reported-status.ts';

/** Whether a purge still waits. Nodes that failed or cannot be served now delay a deletion only, and for a bounded time. */
export function isPurgeWaiting({ round, nodes, removals }: Status, settings: Settings, now: number): boolean {
  if (round?.trigger !== 'Deletion') return unsettledRemovals({ nodes, removals }).length > 0;
  const entries = Object.values(removals);
  const isGivenUp = now >= round.startTime + 2 * removalDeadline(settings);
  const isPatient = now < round.startTime + removalDeadline(settings);
  const holdsUp = ({ state }: RemovalEntry): boolean => (state === 'Skipped' ? isPatient : state !== 'Removed');
  return !isGivenUp && entries.some(holdsUp);
}

/**
 * What was removed from the nodes and what was spared, reported once all removals have ended. A deletion that waits for nodes
 * which are away has not ended.
 */
export function removalEvents({ status: before }: ImageCache, next: ImageCache): readonly CacheEvent[] {
  const { status, isBeingDeleted } = next;
  const news = Object.entries(status.removals).filter(
    ([name, entry]) => isReported(entry) && !isSame(before.removals[name], entry),
  );
  const isLast = isBeingDeleted && isRoundOpen(before) && !isRoundOpen(status);
  const isWaiting = isBeingDeleted && isRoundOpen(status);
  const isNews = news.some(([, { state }]) => !isWaiting || state === 'Failed');
  return (isNews && isOver(status)) || isLast ? removalEvent(next) : [];
}

/** The Event of the removals of the latest round, if all of them have ended. Made from the status alone, so that it can also be recorded later. */
export function roundRemovalEvent(cache: ImageCache): readonly CacheEvent[] {
  const { status } = cache;
  const number = status.round?.number;
  const isOfRound = Object.values(status.removals).some((entry) => isReported(entry) && entry.round === number);
  return isOfRound && isOver(status) ? removalEvent(cache) : [];
}

const isOver = (status: Status): boolean => unsettledRemovals(status).length === 0;

function removalEvent({ status, isBeingDeleted }: ImageCache): readonly CacheEvent[] {
  const { removals, round } = status;
  const isGivenUp = isBeingDeleted && !isRoundOpen(status);
  const message = summary(removals, isGivenUp);
  const entries = Object.values(removals);
  const isIncomplete = entries.some(isOwed) || (isGivenUp && !entries.every(isDone));
  const key = hash(12, round?.number ?? 0, message);
  if (message === '') return [];
  if (isIncomplete) return [{ type: 'Warning', reason: 'ImageRemovalFailed', message, key }];
  return [{ type: 'Normal', reason: 'ImagesRemoved', message, key }];
}

const isReported = ({ state }: RemovalEntry): boolean => state === 'Removed' || state === 'Failed';

const isSame = (before: RemovalEntry | undefined, { id, imagesHash, state }: RemovalEntry): boolean =>
  before?.id === id && before.imagesHash === imagesHash && before.state === state;

/** One clause for each kind of result; nodes are named while there are few. '' if nothing was removed or left. */
function summary(removals: RemovalLedger, isGivenUp: boolean): string {
  const entries = Object.entries(removals);
  if (entries.length === 0) return '';
  const values = Object.values(removals);
  const [removed, spared] = [sumOf(values, 'removed'), sumOf(values, 'spared')];
  const freed = values.filter((entry) => entry.removed > 0).length;
  const bytes = inWords(sumOf(values, 'freedBytes'));
  const parts = [
    ...(removed === 0 ? [] : [`removed ${counted(removed, 'image')} (${bytes}) from ${counted(freed, 'node')}`]),
    ...(spared === 0 ? [] : [`spared ${counted(spared, 'image')}: ${list(sparedBy(entries))}`]),
    ...troubles(entries, 'Failed', 'failed'),
    ...troubles(entries, 'Skipped', isGivenUp ? 'given up' : 'still to be done'),
    ...(isGivenUp ? troubles(entries, 'Pending', 'given up') : []),
    ...(isGivenUp ? troubles(entries, 'Removing', 'given up') : []),
  ].join('; ');
  return parts.slice(0, 1).toUpperCase() + parts.slice(1);
}

const sumOf = (entries: readonly RemovalEntry[], field: 'removed' | 'absent' | 'spared' | 'freedBytes'): number =>
  entries.reduce((sum, entry) => sum + entry[field], 0);

/** Each image once for each reason, with its nodes. */
function sparedBy(entries: readonly (readonly [string, RemovalEntry])[]): readonly string[] {
  const spared = entries.flatMap(([name, { sparedImages }]) =>
    sparedImages.map(({ image, reason, by }) => ({ name, image, why: by === '' ? reason : `${reason}, ${by}` })),
  );
  const groups = Map.groupBy(spared, ({ image, why }) => `${image} ${why}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return `${first.image} on ${group.length === 1 ? first.name : counted(group.length, 'node')} (${first.why})`;
  });
}

function troubles(
  entries: readonly (readonly [string, RemovalEntry])[],
  state: RemovalEntry['state'],
  word: string,
): readonly string[] {
  const reported = entries.flatMap(([name, entry]) => {
    if (entry.state !== state) return [];
    const why = [entry.reason, entry.message].filter((text) => text !== '').join(': ');
    return [why === '' ? name : `${name} (${why})`];
  });
  return reported.length === 0 ? [] : [`${word} on ${list(reported)}`];
}

const mostNamed = 6;

const list = (names: readonly string[]): string =>
  names.length <= mostNamed
    ? names.join(', ')
    : `${names.slice(0, mostNamed).join(', ')} and ${names.length - mostNamed} more`;

const counted = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? '' : 's'}`;

/** In the units of `docker images`. */
function inWords(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes === 0 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${units[power] ?? ''}`;
}

/** What is reported of a purged cache by its removal ledger: it has succeeded once no node owes a removal, except for what was spared. */
export function purgeReport(status: Status): Report {
  const entries = Object.values(status.removals);
  const isWorking = unsettledRemovals(status).length > 0;
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
  const spared = sumOf(done, 'spared');
  if (spared === 0) return { word: 'Succeeded', message: allDeleted };
  const nodes = done.filter((entry) => entry.spared > 0).length;
  const where = `${spared} on ${nodes} node${nodes === 1 ? '' : 's'}`;
  const why = 'used by Pods or needed by other caches. Please see "removals" section';
  return sumOf(done, 'removed') + sumOf(done, 'absent') === 0
    ? { word: 'NoImagesPulledOrDeleted', message: `No images were deleted: ${where} are ${why}` }
    : { word: 'Succeeded', message: `${allDeleted}, except for ${where} that are ${why}` };
}

/** The nodes of a purge that has ended may all be gone by now, and kube-fledged's own purges have no removal ledger. */
const keepsWords = ({ status, round }: Status): boolean =>
  status !== 'Processing' && (status !== 'Failed' || round?.trigger === 'Adopted');

/** Why images are still on nodes, by image: as removal Jobs reported it, else by the state of the removal. */
export function purgeFailures({ failures, removals, toRemove, round }: Status): Failures {
  if (round?.trigger === 'Adopted' && Object.keys(removals).length === 0) return failures;
  const reported = new Set(Object.values(failures).flatMap((list) => list.map(({ node }) => node)));
  let next = failures;
  for (const node of reported) if (!isOwed(ownEntry(removals, node))) next = withoutNode(next, node);
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
