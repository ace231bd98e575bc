import * as z from 'zod/mini';
import { jobAnnotations, labels } from '#model/cache/api.ts';
import { metadata, ownership } from './job-metadata.ts';
import type { Job } from './job.ts';

const count = z._default(z.number(), 0);

const jobSchema = z.object({
  metadata,
  status: z.optional(
    z.object({
      conditions: z.optional(z.array(z.object({ type: z.string(), status: z.string() }))),
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
  const has = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
  const outcome = has('Complete') ? 'Complete' : has('Failed') ? 'Failed' : 'None';
  return {
    ...ownership(meta),
    isRemoval: meta.labels?.[labels.removal] === 'true',
    removes: removesOf(meta.annotations?.[jobAnnotations.removes]),
    outcome: status === undefined ? undefined : outcome,
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
