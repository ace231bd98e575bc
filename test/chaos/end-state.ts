import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod/mini';
import { annotations } from '#model/cache/api.ts';
import { isFailed } from '#model/cache/image-states.ts';
import { isRoundOpen, type ImageCache, isPurged } from '#model/cache/image-cache.ts';
import { nextRound } from '#model/round/next-round.ts';
import { selectsLabels } from '#model/cache/spec-schema.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { findsImages, ownLists } from '#model/cache/found-images.ts';
import { imagesOf } from '#model/desired/desired-images.ts';
import type { Kube } from '../behaviour/kube.ts';
import { isFinished, isRemoval, nodeOf, parseJob, parsePod, type ObservedJob } from '../behaviour/observed.ts';
import { latePulls } from './late-pulls.ts';
import type { Scenario } from './scenario.ts';

/** The end state without what may differ between runs: times, names of Jobs, and which of several rounds was the last. */
export type EndState = {
  readonly caches: Readonly<Record<string, object>>;
  /** Images by node; empty if nodes do not report them. */
  readonly images: Readonly<Record<string, readonly string[]>>;
  /** Images, as `node image`, that may have arrived after their Pod was deleted: kubelets do not cancel pulls, so a removal may have missed them. */
  readonly late: readonly string[];
  /** Leftover Jobs, Pods and triggers. */
  readonly leftOver: readonly string[];
  /** Rounds that nobody requested, and images of workloads that are not those which workloads name. */
  readonly beyond: readonly string[];
};

/**
 * Caches that wait for a tick: with a refresh that was requested during a round, which waits for the end of the round, or with an
 * image that is still kept. Empty while any round is in progress, as one tick handles all of them.
 */
export async function waitingForTick(kube: Kube): Promise<readonly string[]> {
  const caches = (await kube.list('ImageCache')).map(parseImageCache);
  if (caches.some(({ status }) => isRoundOpen(status))) return [];
  return caches
    .filter((cache) => nextRound(cache, 0)?.operation === 'Refresh' || hasKept(cache))
    .map(({ name }) => name);
}

const hasKept = ({ found }: ImageCache): boolean =>
  found.lists.some(({ images }) => images.some(({ unnamedSince }) => unnamedSince !== undefined));

export async function endStateOf(scenario: Scenario, kube: Kube, prefix: string): Promise<EndState> {
  const caches = (await kube.list('ImageCache')).map(parseImageCache);
  const [jobs, pods] = [(await kube.list('Job')).map(parseJob), (await kube.list('Pod')).map(parsePod)];
  const nodes = (await kube.list('Node', `pool=${prefix}`)).map((object) => seenNode.parse(object));
  return {
    caches: Object.fromEntries(caches.map((cache) => [cache.name, cacheEnding(cache, scenario)])),
    images: Object.fromEntries(nodes.map((node) => [node.metadata.name, held(node, scenario.uncertain)])),
    late: latePulls(await kube.list('Event')),
    leftOver: [
      ...jobs.filter((job) => !isDone(job)).map((job) => `Job ${job.metadata.name} for ${nodeOf(job)}`),
      ...pods.filter((pod) => !isRemoval(pod)).map(({ metadata, status }) => `Pod ${metadata.name} (${status.phase})`),
      ...caches.flatMap(triggersOf),
    ],
    beyond: [
      ...caches.flatMap(({ name, status: { round } }) => {
        const [opened, asked] = [round?.number ?? 0, scenario.mostRounds[name] ?? 0];
        return opened > asked ? [`${name}: ${opened} rounds where ${asked} were asked`] : [];
      }),
      ...(await unlikeWorkloads(caches, kube)),
    ],
  };
}

const rollout = z.object({
  metadata: z.object({ name: z.string(), labels: z.record(z.string(), z.string()) }),
  spec: z.object({ template: z.object({ spec: z.object({ containers: z.array(z.object({ image: z.string() })) }) }) }),
});

/** The lists of caches whose found images are not those that workloads name: whatever has happened, none is missing, and none is left. */
async function unlikeWorkloads(caches: readonly ImageCache[], kube: Kube): Promise<readonly string[]> {
  const finding = caches.filter((cache) => findsImages(cache.spec) && !isPurged(cache));
  if (finding.length === 0) return [];
  const rollouts = (await kube.list('Rollout')).map((object) => rollout.parse(object));
  return finding.flatMap((cache) =>
    ownLists(cache.spec).flatMap(({ imagesFrom }, index) => {
      if (imagesFrom === undefined) return [];
      const selected = rollouts.filter(({ metadata }) => selectsLabels(imagesFrom.selector, metadata.labels));
      const named = selected.flatMap(({ spec }) => spec.template.spec.containers.map(({ image }) => image));
      const found = cache.found.lists.filter(({ list }) => list === index).flatMap(({ images }) => images);
      const [expected, actual] = [named, found.map(({ image }) => image)].map((images) =>
        [...new Set(images)].toSorted().join(', '),
      );
      return expected === actual ? [] : [`${cache.name}: has ${actual ?? ''} where workloads name ${expected ?? ''}`];
    }),
  );
}

/** Removal Jobs with a recorded result are retained until their TTL. */
const isDone = (job: ObservedJob): boolean => isRemoval(job) && isFinished(job);

/** The differences of two end states, a line each; empty if they are equal. Images that may have arrived late are ignored. */
export function differences(expected: EndState | undefined, found: EndState | undefined): readonly string[] {
  const late = new Set([...(expected?.late ?? []), ...(found?.late ?? [])]);
  return differing(expected && withoutLate(expected, late), found && withoutLate(found, late));
}

const withoutLate = ({ images, ...endState }: EndState, late: ReadonlySet<string>): object => ({
  ...endState,
  late: [],
  images: Object.fromEntries(
    Object.entries(images).map(([node, held]) => [node, held.filter((image) => !late.has(`${node} ${image}`))]),
  ),
});

function differing(expected: unknown, found: unknown, at = ''): readonly string[] {
  if (isDeepStrictEqual(expected, found)) return [];
  if (!isTree(expected) || !isTree(found)) return [`${at}: expected ${log(expected)}, found ${log(found)}`];
  const keys = new Set([...Object.keys(expected), ...Object.keys(found)]);
  return [...keys].flatMap((key) => differing(expected[key], found[key], `${at} ${key}`.trim()));
}

const isTree = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const log = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value));

function cacheEnding(cache: ImageCache, { hasCertainWords }: Scenario): object {
  const { status, generation } = cache;
  const named = (want: string): readonly string[] => imagesOf(cache, status.desired[want] ?? []);
  const words = {
    // Whether a purge has nodes depends on which existed when it was observed.
    word: isPurged(cache) && status.status === 'NoImagesPulledOrDeleted' ? 'Succeeded' : status.status,
    conditions: Object.fromEntries(status.conditions.map(({ type, status: is }) => [type, is])),
    failures: Object.fromEntries(
      sorted(status.failures).map(([image, log]) => [image, log.map(({ node }) => node).toSorted()]),
    ),
  };
  return {
    ...(hasCertainWords ? words : { isProcessing: status.status === 'Processing' }),
    isObserved: status.observedGeneration === generation,
    nodes: Object.fromEntries(
      sorted(status.nodes).map(([name, entry]) => [
        name,
        {
          state: entry.state,
          images: named(entry.desiredHash),
          failed: named(entry.desiredHash).filter((_, index) => isFailed(entry, index)),
        },
      ]),
    ),
    // What a node keeps that is not ready for the spec depends on what it had pulled before, which chaos changes.
    removalsUnfinished: sorted(status.removals).flatMap(([name, { state }]) =>
      state === 'Removed' || (state === 'Pending' && status.nodes[name]?.state !== 'Ready') ? [] : [name, state],
    ),
    finalizers: cache.finalizers,
  };
}

const sorted = <T>(record: Readonly<Record<string, T>>): readonly (readonly [string, T])[] =>
  Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1));

const triggersOf = (cache: ImageCache): readonly string[] =>
  [annotations.refresh, annotations.purge]
    .filter((name) => cache.annotations[name] !== undefined)
    .map((name) => `${name} of ${cache.name}`);

const named = z.object({ metadata: z.object({ name: z.string() }) });
const seenNode = z.object({
  ...named.shape,
  status: z.object({ images: z._default(z.array(z.object({ names: z.array(z.string()) })), []) }),
});

/** By tag; references by digest are not compared. */
const held = ({ status }: z.infer<typeof seenNode>, uncertain: ReadonlySet<string>): readonly string[] =>
  status.images
    .flatMap(({ names }) => names.filter((name) => name.startsWith('registry.example/') && !name.includes('@')))
    .filter((name) => !uncertain.has(name))
    .toSorted();
