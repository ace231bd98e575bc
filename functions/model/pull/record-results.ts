import { type AnonymousPulls, withReportedDigests } from '#model/cache/image-answers.ts';
import { type Cause, isAbandoned, isBlocked, pullsBlocked, withNode, withoutNode } from '#model/cache/failures.ts';
import { maxAttempts, triesOf } from '#model/cache/ledger.ts';
import { opened, withoutDenied } from '#model/desired/locked-images.ts';
import { type Failures, type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import type { DesiredByHash, DesiredImages } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';
import { normalisedReference, registryOf } from '#model/text/image-reference.ts';
import { type RegistryFinding, withFindings, withLimits } from '#model/start/registry-answers.ts';
import { pulledImages } from '#model/start/wave.ts';
import {
  type AttemptResult,
  finishedIn,
  nothingFound,
  pullResult,
  retry,
  withFinished,
  withoutLateAttempt,
} from './pull-result.ts';
import { type JobResult, causesIn, digestsIn, jobResults } from './job-result.ts';
import { isDenied } from './image-outcome.ts';
import { type Attempt, unfinishedJobs } from './attempt.ts';

/** Records the results of all observed Jobs: in the ledger, the failures and the digests. Many results, one write. */
export function recordResults(world: World, cache: ImageCache, desired: DesiredByHash): ImageCache {
  const nodes = { ...cache.status.nodes };
  const findings: RegistryFinding[] = [];
  let { failures, digests, knownDigests, anonymousPulls } = cache.status;
  for (const [name, entry] of Object.entries(cache.status.nodes)) {
    const images = desired.get(entry.desiredHash);
    if (images === undefined) continue;
    const attempt = { cache: withStatus(cache, { anonymousPulls }), entry, desired: images, settings: world.settings };
    if (entry.state === 'Pending') nodes[name] = withoutLateAttempt(attempt, world.now);
    if (entry.state !== 'Pulling') continue;
    const resultOf = entry.opening === undefined ? pullResult : openingResult;
    const result = withBlocked(resultOf(name, attempt, world), attempt, desired);
    nodes[name] = result.entry;
    anonymousPulls = { ...anonymousPulls, ...result.anonymousPulls };
    failures = recordFailures(failures, { node: name, result, desired: images });
    findings.push(...result.registries, ...answered(result, { cache, desired: images }));
    const reported = digestsOf(result.present, images);
    digests = { ...digests, ...reported };
    knownDigests = withReportedDigests(knownDigests, reported);
  }
  const next = withStatus(cache, { nodes, failures, digests, knownDigests, anonymousPulls });
  return withLimits(world, withFindings(next, findings, world.now), desired);
}

/** Says of the images of a node that was given up which of them other nodes have pulled: their registries serve them. */
function withBlocked(
  result: AttemptResult,
  { cache, desired: { images } }: Attempt,
  desired: DesiredByHash,
): AttemptResult {
  const hasAbandoned = [...result.reported.values()].some((cause) => cause !== undefined && isAbandoned(cause));
  if (result.entry.state !== 'Failed' || !hasAbandoned) return result;
  const pulled = pulledImages(Object.values(cache.status.nodes), desired);
  const reported = [...result.reported].map(([index, cause]) => {
    const isServed = cause !== undefined && isAbandoned(cause) && pulled.has(images[index] ?? '');
    return [index, isServed ? pullsBlocked : cause] as const;
  });
  return { ...result, reported: new Map(reported) };
}

/** What the registries in the status did for a node: they answered, which need not have given it an image, or kept it waiting. */
function answered(
  { entry, present, reported }: AttemptResult,
  { cache, desired }: Attempted,
): readonly RegistryFinding[] {
  const hostOf = (index: number): string => registryOf(desired.images[index] ?? '');
  const delivered = new Set([...present.keys()].map(hostOf));
  const causes = [...reported].flatMap(([index, cause]) =>
    cause === undefined ? [] : [{ host: hostOf(index), cause }],
  );
  const isGivenUp = ({ cause }: { readonly cause: Cause }): boolean =>
    entry.state === 'Failed' && isAbandoned(cause) && !isBlocked(cause);
  const abandoned = new Set(causes.filter(isGivenUp).map(({ host }) => host));
  return [...new Set([...Object.keys(cache.status.registries), ...abandoned])].flatMap(
    (host): readonly RegistryFinding[] => {
      if (delivered.has(host)) return [{ host, delivered: true }];
      if (abandoned.has(host)) return [{ host, abandoned: true }];
      return causes.some((each) => each.host === host) ? [{ host }] : [];
    },
  );
}

type Attempted = { readonly cache: ImageCache; readonly desired: DesiredImages };

type NodeResult = { readonly node: string; readonly result: AttemptResult; readonly desired: DesiredImages };

/** Ready nodes have no failure entries. */
function recordFailures(failures: Failures, { node, result, desired }: NodeResult): Failures {
  const { entry, reported } = result;
  if (entry.state === 'Ready') return withoutNode(failures, node);
  if (reported.size === 0) return failures;
  const named = [...reported].map(([index, cause]) => ({ image: desired.images[index] ?? '', cause }));
  const causes = named.flatMap(({ image, cause }) => (cause === undefined ? [] : [[image, cause] as const]));
  return withNode(failures, { node, causes: new Map(causes), images: new Set(named.map(({ image }) => image)) });
}

function digestsOf(present: ReadonlyMap<number, string>, { images }: DesiredImages): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...present].flatMap(([index, digest]) => (digest === '' ? [] : [[images[index] ?? '', digest]])),
  );
}

/** The result of an attempt that opens images. Nothing that its Jobs report is a failure of the cache. */
function openingResult(name: string, attempt: Attempt, world: World): AttemptResult {
  const { entry, desired } = attempt;
  const jobs = jobResults(name, attempt, world);
  const isRefused = jobs.some(({ type }) => type === 'mountRefused');
  if (isRefused && !entry.copiesNoop) return retry({ ...entry, copiesNoop: true });
  if (isRefused || jobs.some(({ type }) => type === 'lost')) {
    if (triesOf(entry) < maxAttempts) return retry(entry);
    return { ...nothingFound, entry: opened(entry) };
  }
  // An admission webhook may give credentials to all Pods: those prove nothing.
  const finished = finishedIn(jobs).map((job) => (job.hasUsedCredentials ? withNothingOpened(job) : job));
  const recorded = { ...attempt, entry: withFinished(attempt, finished) };
  const anonymousPulls = withFound(attempt.cache.status.anonymousPulls, anonymousPullsOf(finished, desired));
  const hasMore = unfinishedJobs(recorded).length > 0;
  const next = hasMore ? recorded.entry : opened(recorded.entry);
  return { ...nothingFound, entry: withoutDenied(next, { desired, anonymousPulls }), anonymousPulls };
}

const withNothingOpened = (job: JobResult): JobResult => ({
  ...job,
  images: new Map(job.indexes.map((index) => [index, { result: 'failed', cause: usedCredentials }])),
});

const usedCredentials: Cause = { reason: 'UsedCredentials', message: 'The Pod was given credentials' };

/** What was denied stays denied: a kubelet without a record of an image starts it and does not ask the registry. */
function withFound(known: AnonymousPulls, found: AnonymousPulls): AnonymousPulls {
  const denied = Object.entries(known).filter(([, answer]) => answer === 'Denied');
  return { ...known, ...found, ...Object.fromEntries(denied) };
}

/** What Pods without credentials found, by normalised reference. Failures of another kind than a refusal say nothing. */
function anonymousPullsOf(finished: readonly JobResult[], { images }: DesiredImages): AnonymousPulls {
  const found = finished.flatMap((job) => [
    ...[...digestsIn(job).keys()].map((index) => [images[index], 'Allowed'] as const),
    ...[...causesIn(job)].flatMap(([index, cause]) =>
      isDenied(cause, images[index] ?? '') ? [[images[index], 'Denied'] as const] : [],
    ),
  ]);
  return Object.fromEntries(
    found.flatMap(([image, answer]) => (image === undefined ? [] : [[normalisedReference(image), answer]])),
  );
}
