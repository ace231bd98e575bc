import type { CacheLife, Ending, SeenCache, SeenNode } from './ending.ts';

/** The images that a cache lists for a node, whether or not they can be pulled there now. */
export const listedFor = ({ spec }: SeenCache, { labels }: SeenNode): readonly string[] => [
  ...new Set(
    spec.cacheSpec
      .filter(({ nodeSelector }) => Object.entries(nodeSelector).every(([key, value]) => labels[key] === value))
      .flatMap(({ images }) => images),
  ),
];

/** Why a cache cannot pull on a node, as docs/api.md has it; empty if it can. */
export function hindrances({ spec }: SeenCache, node: SeenNode): readonly string[] {
  return [
    ...(node.labels['kubefledged.io/skip'] === 'true' ? ['OptedOut'] : []),
    ...(node.isReady ? [] : ['NotReady']),
    ...(node.isCordoned && spec.unschedulable === 'Skip' ? ['Unschedulable'] : []),
    ...(node.hasDiskPressure ? ['DiskPressure'] : []),
    ...(spec.tolerations !== undefined && node.taints.length > 0 ? ['TaintNotTolerated'] : []),
  ];
}

/** Nodes that count as desired: those that can pull, and those that have pulled what they could and are not away. */
export function isDesired(cache: SeenCache, node: SeenNode): boolean {
  if (listedFor(cache, node).length === 0) return false;
  const state = cache.status.nodes[node.name]?.state;
  return hindrances(cache, node).length === 0 || state === 'Failed' || (state === 'Ready' && node.isReady);
}

/** A rollout stopped before it began there, because others have failed: the node keeps what it has. */
export const isHeld = ({ spec, status }: SeenCache, { name }: SeenNode): boolean =>
  spec.rollout !== undefined &&
  status.nodes[name]?.state === 'Held' &&
  Object.values(status.nodes).some(({ state }) => state === 'Failed');

/** The status says that the cache was purged last. */
export const isPurged = ({ status }: SeenCache): boolean => status.reason === 'ImageCachePurge';

export const isDeleting = ({ metadata }: SeenCache): boolean => metadata.deletionTimestamp !== undefined;

/** A cache whose status must be that of its nodes. */
export const isServed = (cache: SeenCache): boolean => !cache.spec.suspend && !isDeleting(cache);

export const lifeOf = ({ record }: Ending, { metadata }: SeenCache): CacheLife =>
  record.lives.get(metadata.uid) ?? { name: metadata.name, listed: new Set(), requests: [] };

/** Milliseconds after which a node that has lost an image must not be Ready: a minute or two until its list counts, and a tick. */
const longestUnnoticed = 240_000;

/**
 * Images that the cache has no reason to miss on a node. Of a Ready one: they were deleted there a moment ago, or its list is
 * empty and proves nothing. Of any other: they were deleted after the cache was last asked to refresh while all was settled.
 */
export function lostUnnoticed(ending: Ending, cache: SeenCache, node: SeenNode): ReadonlySet<string> {
  const { takenAway, endedAt } = ending.record;
  const isReady = cache.status.nodes[node.name]?.state === 'Ready' && node.images.size > 0;
  const looked = lifeOf(ending, cache)
    .requests.filter(({ type, isSettled }) => type === 'create' || (type === 'refresh' && isSettled))
    .map(({ step }) => step);
  const last = Math.max(-1, ...looked);
  const isUnnoticed = ({ step, at }: (typeof takenAway)[number]): boolean =>
    isReady ? endedAt - at < longestUnnoticed : step > last;
  return new Set(takenAway.filter((each) => each.node === node.name && isUnnoticed(each)).map(({ image }) => image));
}

export const condition = (cache: SeenCache, type: string): { readonly status: string; readonly reason: string } =>
  cache.status.conditions.find((each) => each.type === type) ?? { status: 'missing', reason: 'missing' };

/** The images that the status reports for a node as not pulled or not removed. */
export const failuresOn = ({ status }: SeenCache, node: string): readonly string[] =>
  Object.entries(status.failures).flatMap(([image, causes]) =>
    causes.some((cause) => cause.node === node) ? [image] : [],
  );

/** Users' Pods have, or had, the image on this machine. */
export const isUsed = ({ record }: Ending, node: SeenNode, image: string): boolean =>
  record.used.some((each) => each.machine === node.machine && each.image === image);

/** Causes of Jobs whose Pods have not run: nothing is then known of their images. */
const notRun: ReadonlySet<string> = new Set(['FailedCreate', 'Pending', 'JobLost']);

/** The cause of an image that was not there at the deadline, and may have arrived later. */
const late = 'ImagePullStatusUnknown';

/**
 * Images that a node has, and of which no Pod of this cache has shown in time that they start. A kubelet that keeps records of pulls asks
 * the registry again for images that were pulled for others; and what was removed lately is not believed to be there.
 */
export function unproven(
  ending: Ending,
  { status }: SeenCache,
  { name, keepsPullRecords }: SeenNode,
): ReadonlySet<string> {
  const images = Object.entries(status.failures).flatMap(([image, causes]) => {
    const isTrusted = !keepsPullRecords && !mayHaveBeenRemoved(ending, image);
    const isUnproven = ({ reason }: { reason: string }): boolean =>
      reason === late || (!isTrusted && notRun.has(reason));
    return causes.some((cause) => cause.node === name && isUnproven(cause)) ? [image] : [];
  });
  return new Set(images);
}

/** A cache that listed the image was purged, edited, or deleted with its images. */
const mayHaveBeenRemoved = ({ record }: Ending, image: string): boolean =>
  [...record.lives.values()].some(({ listed, deletedWith, requests }) => {
    const isRemoved = requests.some(({ type }) => type === 'purge' || type === 'purge and refresh' || type === 'edit');
    return listed.has(image) && (isRemoved || deletedWith === 'Purge');
  });
