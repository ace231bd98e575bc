import type { Logger } from 'pino';
import type { Api } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { runningControllers } from '#runtime/kube-fledged/controllers.ts';
import type { Namespaces } from '#runtime/api/paths.ts';
import { oldJobs, removeOldJob } from '#runtime/kube-fledged/old-jobs.ts';
import { deleteCommand, webhookConfigurations } from '#runtime/kube-fledged/webhooks.ts';
import { sleep, systemClock, type Clock } from './clock.ts';

export type AfterKubeFledgedOptions = {
  readonly api: Api;
  readonly log: Logger;
  /** Namespaces to search for it and its Jobs; default all. */
  readonly namespaces?: Namespaces;
  readonly clock?: Clock;
  /** Whether to delete Jobs that kube-fledged left; not where this process only watches. Default true. */
  readonly cleans?: boolean;
};

/** Milliseconds between two checks while kube-fledged runs, and while the API server does not answer. */
const interval = 10_000;
const retryInterval = 1_000;

/**
 * Resolves when no kube-fledged controller runs (both would write the same caches), or `stopping` aborts. Then logs other leftovers that
 * cause failures, and deletes the Jobs that it left. Checks without permission are logged and skipped; never rejects.
 */
export async function afterKubeFledged(options: AfterKubeFledgedOptions, stopping: AbortSignal): Promise<void> {
  const { clock = systemClock, log } = options;
  let logged = '';
  while (!stopping.aborted) {
    const running = await controllersNow(options);
    if (running?.length === 0) break;
    const named = running?.join(', ') ?? logged;
    if (named !== logged) log.warn({ controllers: running }, stillRuns);
    logged = named;
    await sleep(running === undefined ? retryInterval : interval, clock, stopping);
  }
  if (stopping.aborted) return;
  if (logged !== '') log.info('kube-fledged is gone');
  await checkWebhook(options);
  await cleanUp(options);
}

const stillRuns =
  'kube-fledged runs and would write the same caches: not ready until its controller is gone; kubectl imagecache migrate --check shows how';

/** As "namespace/name"; undefined if the API server did not answer. Without permission there is nothing to wait for. */
async function controllersNow({
  api,
  log,
  namespaces,
}: AfterKubeFledgedOptions): Promise<readonly string[] | undefined> {
  try {
    return (await runningControllers(api, namespaces)).map(({ namespace, name }) => `${namespace}/${name}`);
  } catch (error) {
    log.warn({ error: String(error) }, 'cannot see whether kube-fledged runs');
    return error instanceof ApiError && error.status === 403 ? [] : undefined;
  }
}

async function checkWebhook({ api, log }: AfterKubeFledgedOptions): Promise<void> {
  await orNote(log, 'cannot see whether a webhook of kube-fledged is left', async () => {
    for (const name of await webhookConfigurations(api))
      log.warn({ webhook: name }, `a webhook of kube-fledged is left and refuses writes; run: ${deleteCommand(name)}`);
  });
}

async function cleanUp({ api, log, namespaces, cleans = true }: AfterKubeFledgedOptions): Promise<void> {
  await orNote(log, 'cannot delete the Jobs that kube-fledged left', async () => {
    const jobs = await oldJobs(api, namespaces);
    if (!cleans || jobs.length === 0) return;
    for (const job of jobs) await removeOldJob(api, job);
    log.info({ jobs: jobs.length }, 'deleted Jobs that kube-fledged left');
  });
}

/** Logs failures only: these checks are not required to work. */
async function orNote(log: Logger, what: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const isForbidden = error instanceof ApiError && error.status === 403;
    if (isForbidden) log.info(`${what}: no right to`);
    else log.warn({ error: String(error) }, what);
  }
}
