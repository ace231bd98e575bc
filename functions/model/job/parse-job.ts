import * as z from 'zod/mini';
import { jobAnnotations, labels } from '#model/cache/api.ts';
import { epoch, metadata, ownership } from './job-metadata.ts';
import type { Job } from './job.ts';

const count = z._default(z.number(), 0);
const text = z._default(z.string(), '');

const jobSchema = z.object({
  metadata,
  status: z.optional(
    z.object({
      conditions: z.optional(z.array(z.object({ type: z.string(), status: z.string(), lastTransitionTime: text }))),
      active: count,
      succeeded: count,
      failed: count,
      terminating: count,
    }),
  ),
});

/** Parses a Job, or its metadata alone: the outcome is then undefined. */
export function parseJob(object: unknown): Job {
  const { metadata: meta, status } = jobSchema.parse(object);
  const find = (type: string) => status?.conditions?.find((each) => each.type === type && each.status === 'True');
  const [complete, failed] = [find('Complete'), find('Failed')];
  const outcome = complete ? 'Complete' : failed ? 'Failed' : 'None';
  return {
    ...ownership(meta),
    isRemoval: meta.labels?.[labels.removal] === 'true',
    removes: removesOf(meta.annotations?.[jobAnnotations.removes]),
    outcome: status === undefined ? undefined : outcome,
    endedAt: epoch((complete ?? failed)?.lastTransitionTime ?? ''),
    hasPods:
      status === undefined ? undefined : status.active + status.succeeded + status.failed + status.terminating > 0,
    podRefused: '',
  };
}

/** Parses a JSON array of references; an invalid one is empty. */
function removesOf(annotation: string | undefined): readonly string[] {
  try {
    return z.array(z.string()).parse(JSON.parse(annotation ?? '[]'));
  } catch {
    return [];
  }
}
