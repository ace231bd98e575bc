import { decide } from '#model/decide.ts';
import type { ImageCache, Status } from '#model/cache/image-cache.ts';
import type { World } from '#model/world.ts';
import { cache, noon, round, status, world } from './builders.ts';

/** Decisions on a cache in a small world. */

export const asked = (of: Partial<ImageCache>, rest: Partial<World> = {}) =>
  decide(world({ before: cache(of), ...rest }));

export const theirs = (of: Partial<Status> = {}): Status =>
  status({
    status: 'Succeeded',
    reason: 'ImageCacheCreate',
    message: 'told by kube-fledged',
    startTime: noon - 1000,
    ...of,
  });

export const ended = (of: Partial<Status> = {}): Status => theirs({ observedGeneration: 1, round: round(), ...of });
