import type { Logger } from 'pino';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { systemClock } from '../../sources/clock.ts';
import { startInformer } from '../../sources/kubernetes/informer.ts';
import { imageCaches, type Change } from '../../sources/kubernetes/resource.ts';
import { isSettled, outcomeLines, progressLines } from './progress.ts';
import type { Screen } from './screen.ts';

export type FollowOptions = {
  readonly api: Api;
  readonly log: Logger;
  readonly screen: Screen;
  /** Stops following. */
  readonly signal: AbortSignal;
  /** Called each time all caches have settled and their results are printed. */
  readonly onSettled: () => void;
};

/** Shows the progress of all ImageCaches until they settle, and then their results. */
export function followCaches({ screen, onSettled, ...options }: FollowOptions): void {
  const caches = new Map<string, ImageCache>();
  /** When each cache became busy, in epoch milliseconds; kept until all have settled. */
  const busySince = new Map<string, number>();
  const draw = (): void => {
    const followed = [...busySince].flatMap(([key, since]) => {
      const cache = caches.get(key);
      return cache === undefined ? [] : [{ cache, seconds: (systemClock.now() - since) / 1000 }];
    });
    if (followed.length === 0) return;
    const isTimed = screen.interval !== undefined;
    screen.show(followed.flatMap(({ cache, seconds }) => progressLines(cache, isTimed ? seconds : undefined)));
    if (!followed.every(({ cache }) => isSettled(cache))) return;
    busySince.clear();
    screen.print([{ text: '' }, ...followed.flatMap(({ cache }) => outcomeLines(cache)), { text: '' }]);
    onSettled();
  };
  const update = (key: string, cache: ImageCache | undefined): void => {
    if (cache === undefined) {
      caches.delete(key);
      busySince.delete(key);
      return;
    }
    caches.set(key, cache);
    if (!isSettled(cache) && !busySince.has(key)) busySince.set(key, systemClock.now());
  };
  const onChange = ({ reference: { namespace, name }, current }: Change<ImageCache>): void => {
    update(`${namespace}/${name}`, current);
    draw();
  };
  startInformer({ ...imageCaches, project: parseImageCache }, { ...options, clock: systemClock, onChange });
  if (screen.interval !== undefined) setInterval(draw, screen.interval).unref();
}
