import * as z from 'zod/mini';
import type { Job } from '#model/pod.ts';
import type { Api } from './api.ts';
import { paths } from './paths.ts';

const events = z.object({
  items: z.array(
    z.object({
      reason: z.optional(z.string()),
      message: z.optional(z.string()),
      lastTimestamp: z.nullish(z.string()),
    }),
  ),
});

/** What the Job controller last said of not being able to make a Job's Pod: a quota, an admission policy; '' if nothing. */
export async function podRefusal(api: Api, namespace: string, job: Job): Promise<string> {
  const query = new URLSearchParams({
    fieldSelector: `involvedObject.uid=${job.uid},reason=FailedCreate`,
    limit: '50',
  });
  const answer = await api.request({ method: 'GET', path: `${paths.events(namespace)}?${query.toString()}` });
  const latest = events
    .parse(answer)
    .items.toSorted((a, b) => ((a.lastTimestamp ?? '') < (b.lastTimestamp ?? '') ? 1 : -1))[0];
  return latest?.message ?? '';
}
