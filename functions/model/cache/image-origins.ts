import type { ImageCache } from './image-cache.ts';

/** Whose Pods need an image. */
export type ImageOrigin = {
  /** Some of the workloads that name it, as `Deployment/web`. */
  readonly workloads: readonly string[];
  /** How many name it; 0 while it is only kept. */
  readonly count: number;
};

/** Workloads that are named with an image, as in the status. */
const most = 3;

/** The images of a cache that workloads name or named. Those of several nodes are found several times. */
export function imageOrigins({ found }: ImageCache): ReadonlyMap<string, ImageOrigin> {
  const origins = new Map<string, ImageOrigin>();
  for (const { image, workloads, workloadCount } of found.lists.flatMap(({ images }) => images)) {
    const known = origins.get(image) ?? { workloads: [], count: 0 };
    const named = [...new Set([...known.workloads, ...workloads])].slice(0, most);
    origins.set(image, { workloads: named, count: known.count + workloadCount });
  }
  return origins;
}
