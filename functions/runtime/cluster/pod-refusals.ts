import * as z from 'zod/mini';
import type { Job } from '#model/job/job.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';

/** An Event that cannot be parsed explains nothing. */
const event = z.catch(
  z.object({
    message: z._default(z.string(), ''),
    lastTimestamp: z._default(z.nullable(z.string()), ''),
    involvedObject: z.optional(z.object({ uid: z.optional(z.string()) })),
  }),
  { message: '', lastTimestamp: '' },
);

/**
 * By Job uid: why the Job controller could not create Pods (a quota, an admission policy), according to its latest Event.
 * One listing for all Jobs, since the API server scans every Event of the namespace to answer it.
 */
export async function podRefusals(
  api: Api,
  namespace: string,
  jobs: readonly Job[],
): Promise<ReadonlyMap<string, string>> {
  if (jobs.length === 0) return new Map();
  const [only] = jobs.length === 1 ? jobs : [];
  const which = only === undefined ? 'involvedObject.kind=Job' : `involvedObject.uid=${only.uid}`;
  const fieldSelector = `${which},reason=FailedCreate`;
  const events = await listItems(api, paths.events(namespace), {
    bound: 'page_events',
    parse: (object) => event.parse(object),
    fieldSelector,
  });
  const uids = new Set(jobs.map(({ uid }) => uid));
  return new Map(
    events
      .toSorted((a, b) => ((a.lastTimestamp ?? '') < (b.lastTimestamp ?? '') ? -1 : 1))
      .flatMap(({ involvedObject, message }) => {
        const uid = involvedObject?.uid ?? '';
        return uids.has(uid) ? [[uid, withoutPodName(message)] as const] : [];
      }),
  );
}

/** Without the made-up name of the Pod, so that equal refusals of several Jobs are equal. */
const withoutPodName = (message: string): string => message.replace(/\bpods "[^"]+" is forbidden/, 'pods is forbidden');
