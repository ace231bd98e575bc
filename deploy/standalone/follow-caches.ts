import type { Logger } from 'pino';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { systemClock } from '../../sources/clock.ts';
import { startInformer } from '../../sources/kubernetes/informer.ts';
import { imageCaches } from '../../sources/kubernetes/resource.ts';
import type { Change } from '../../sources/kubernetes/store.ts';
import { isSettled, outcomeLines, progressLines } from './progress.ts';
import type { Screen } from './screen.ts';

export type FollowOptions = {
  readonly api: Api;
  readonly log: Logger;
  readonly screen: Screen;
  /** Stops it. */
  readonly signal: AbortSignal;
  /** Called each time all that was under way has settled and been told. */
  readonly onSettled: () => void;
};

/** Shows how far every ImageCache is while anything is under way, and then what that came to. */
export function followCaches({ screen, onSettled, ...options }: FollowOptions): void {
  const caches = new Map<string, ImageCache>();
  /** Since when a cache has something under way; kept until nothing has. */
  const busy = new Map<string, number>();
  const look = (): void => {
    const followed = [...busy].flatMap(([key, since]) => {
      const cache = caches.get(key);
      return cache === undefined ? [] : [{ cache, seconds: (systemClock.now() - since) / 1000 }];
    });
    if (followed.length === 0) return;
    const isTimed = screen.beat !== undefined;
    screen.show(followed.flatMap(({ cache, seconds }) => progressLines(cache, isTimed ? seconds : undefined)));
    if (!followed.every(({ cache }) => isSettled(cache))) return;
    busy.clear();
    screen.print([{ text: '' }, ...followed.flatMap(({ cache }) => outcomeLines(cache)), { text: '' }]);
    onSettled();
  };
  const take = (key: string, cache: ImageCache | undefined): void => {
    if (cache === undefined) {
      caches.delete(key);
      busy.delete(key);
      return;
    }
    caches.set(key, cache);
    if (!isSettled(cache) && !busy.has(key)) busy.set(key, systemClock.now());
  };
  const onChange = ({ reference: { namespace, name }, current }: Change<ImageCache>): void => {
    take(`${namespace}/${name}`, current);
    look();
  };
  startInformer({ ...imageCaches, project: parseImageCache }, { ...options, clock: systemClock, onChange });
  if (screen.beat !== undefined) setInterval(look, screen.beat).unref();
}
