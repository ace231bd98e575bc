import { selectsLabels } from '#model/cache/spec-schema.ts';
import { apiVersion, imageCacheKind } from '#model/cache/api.ts';
import { type ImageCache, isRoundOpen, type Spec } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { isDone } from '#model/cache/removal-ledger.ts';
import { ownLists, ownPullSecrets } from '#model/cache/found-images.ts';
import type { KnativeImage } from './knative-image.ts';
import { revisions } from '#model/workload/image-sources.ts';

/** The name of the cache that is created for the Images of a namespace. */
export const madeCacheName = 'knative-images' as const;

/** By this annotation the cache is ours: one of the same name without it is never changed or deleted. */
export const madeAnnotation = { key: 'kubefledged.io/made-for', value: 'knative-images' } as const;

/** The cache for the Images of a namespace, as it is created; users may edit it. */
export const madeCache = (namespace: string) =>
  ({
    apiVersion,
    kind: imageCacheKind,
    metadata: { name: madeCacheName, namespace, annotations: { [madeAnnotation.key]: madeAnnotation.value } },
    spec: { cacheSpec: [{ imagesFrom: { kinds: [revisions.kind], nodes: 'AsPods' } }] },
  }) as const;

export const isMade = ({ name, annotations }: Pick<ImageCache, 'name' | 'annotations'>): boolean =>
  name === madeCacheName && annotations[madeAnnotation.key] === madeAnnotation.value;

/** Whether a list of the cache selects an Image. A user may have edited that away. */
export const selectsImage = ({ spec }: ImageCache, { labels }: Pick<KnativeImage, 'labels'>): boolean =>
  ownLists(spec).some(
    ({ imagesFrom }) => imagesFrom?.kinds.includes(revisions.kind) && selectsLabels(imagesFrom.selector, labels),
  );

const textOf = (spec: Spec): string =>
  JSON.stringify({ ...spec, lists: ownLists(spec), imagePullSecrets: ownPullSecrets(spec), foundPullSecrets: [] });

const created = madeCache('any');
const textAsMade = textOf(
  parseImageCache({ ...created, metadata: { ...created.metadata, uid: '', resourceVersion: '' } }).spec,
);

/** Whether users have left the spec as it was created: a deletion would lose their edits, such as a suspension. */
const isAsMade = ({ spec }: ImageCache): boolean => textOf(spec) === textAsMade;

/** Whether a cache that was created for Images can be deleted once there are none: no image may be on a node because of it. */
export const isEmptied = (cache: ImageCache): boolean =>
  isMade(cache) &&
  !cache.isBeingDeleted &&
  cache.status.observedGeneration === cache.generation &&
  !isRoundOpen(cache.status) &&
  cache.found.lists.length === 0 &&
  isAsMade(cache) &&
  cache.status.placements.every(({ images }) => images.length === 0) &&
  Object.values(cache.status.removals).every(isDone);
