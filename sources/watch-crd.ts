import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { crdKind } from '#runtime/cluster/caches.ts';
import { sleep, systemClock, type Clock } from './clock.ts';
import type { Sink } from './sink/sink.ts';
import { crdName } from '#model/cache/api.ts';

export type CrdWatch = {
  /** False while the CRD is that of kube-fledged, with which no status can be written. */
  readonly isOurs: () => boolean;
  /** A sink that holds back events in the meantime: every delivery would fail. */
  readonly whileOurs: (sink: Sink) => Sink;
  readonly stop: () => Promise<void>;
};

type Options = { readonly api: Api; readonly log: Logger; readonly clock?: Clock };

/** Milliseconds between two checks. The right to watch CRDs is not granted, and the discovery API is open to everybody. */
const interval = { ours: 10_000, replaced: 2_000 };

const replacedBy =
  'the CRD is that of kube-fledged, and no status can be written: not ready until it is replaced, and ImageCaches that are written meanwhile lose the fields that only ours has; run: kubectl apply --server-side --force-conflicts -f crds/imagecache.yaml';

/** Follows which CRD is installed: a pipeline may apply that of kube-fledged again at any time. */
export function watchCrd({ api, log, clock = systemClock }: Options): CrdWatch {
  const stopping = new AbortController();
  let replaced: PromiseWithResolvers<void> | undefined;
  let checking: Promise<void> | undefined;
  let unseen = '';
  const look = async (): Promise<void> => {
    try {
      const kind = await crdKind(api);
      unseen = '';
      if (kind === 'kube-fledged') {
        if (replaced === undefined) log.error(replacedBy);
        replaced ??= Promise.withResolvers();
        return;
      }
      if (replaced !== undefined && kind === 'ours') log.info('the CRD is that of imagecache-functions again');
      replaced?.resolve();
      replaced = undefined;
    } catch (error) {
      if (unseen !== String(error)) log.warn({ error: String(error) }, 'cannot see which CRD is installed');
      unseen = String(error);
    }
  };
  const check = (): Promise<void> => (checking ??= look().finally(() => (checking = undefined)));
  const ended = follow(check, () => (replaced === undefined ? interval.ours : interval.replaced), {
    clock,
    signal: stopping.signal,
  });
  return {
    isOurs: () => replaced === undefined,
    whileOurs: (sink) => async (event, kind, signal) => {
      if (replaced !== undefined) await Promise.race([replaced.promise, abortedBy(signal)]);
      try {
        await sink(event, kind, signal);
      } catch (error) {
        await check();
        throw error;
      }
    },
    stop: async () => {
      stopping.abort();
      await ended;
    },
  };
}

type Timing = { readonly clock: Clock; readonly signal: AbortSignal };

async function follow(check: () => Promise<void>, pause: () => number, { clock, signal }: Timing): Promise<void> {
  while (!signal.aborted) {
    await check();
    await sleep(pause(), clock, signal);
  }
}

/** Rejects when the signal aborts. */
const abortedBy = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
  });

/** Logs that the CRD is missing, and how to install it. */
export function logCrdMissing(log: Logger): void {
  const how = 'kubectl apply --server-side -f crds/imagecache.yaml';
  log.warn({ crd: crdName }, `the CRD is missing; install it with: ${how}`);
}
