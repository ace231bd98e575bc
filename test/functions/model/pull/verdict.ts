import { expect, it } from 'vitest';
import type { Spec } from '#model/cache/image-cache.ts';
import type { LedgerEntry } from '#model/cache/ledger.ts';
import type { Node } from '#model/node/node.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { ContainerStatus, Pod, Job } from '#model/job/job.ts';
import { evaluateJob, type ImageFinding, type JobFindings } from '#model/pull/job-result.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import { cache, digest, job, node, noon, pod, pulling, settings, spec } from '../builders.ts';

/** What is judged of a node that pulls two images, told row by row, and the verdicts that rows expect. */

/** A Job with the images app:1 (0) and base:2 (1), and what it has come to. */
type Row = {
  readonly when: string;
  readonly job?: Partial<Job> | 'unread';
  readonly pod?: Partial<Pod>;
  /** Statuses of both containers, in place of the Pod's. */
  readonly containers?: readonly ContainerStatus[];
  readonly after?: number;
  readonly on?: Node | undefined;
  readonly entry?: Partial<LedgerEntry>;
  readonly spec?: Partial<Spec>;
  readonly settings?: Partial<Settings>;
  readonly is: object;
};

export const second = 1000;

export const minute = 60 * second;

export function verdict(row: Row): JobFindings {
  const live = cache({ spec: spec(row.spec) });
  const given = settings(row.settings);
  const read = row.containers === undefined ? row.pod : { ...row.pod, containers: row.containers };
  return evaluateJob({
    view: { job: row.job === 'unread' ? undefined : job(row.job), pod: read === undefined ? undefined : pod(read) },
    indexes: [0, 1],
    desired: desiredImagesOf(live, [0], given),
    entry: pulling(row.entry),
    cache: live,
    node: 'on' in row ? row.on : node(),
    settings: given,
    now: noon + (row.after ?? second),
  });
}

export const check = (rows: readonly Row[]) =>
  it.each(rows)('$when', (row) => {
    expect(verdict(row)).toEqual(row.is);
  });

export type Told = readonly [reason: string, message: string];

export const done = (
  present: Readonly<Record<number, string>>,
  failed: Readonly<Record<number, Told>> = {},
  inconclusive: readonly number[] = [],
): JobFindings => ({
  type: 'finished',
  images: new Map<number, ImageFinding>([
    ...[...byIndex(present)].map(([index, found]) => [index, { result: 'succeeded', digest: found }] as const),
    ...[...byIndex(failed)].map(([index, cause]) => [index, failedBy(cause, inconclusive.includes(index))] as const),
  ]),
});

/** What a running Job says whose images fail so far. */
export const failing = (causes: Readonly<Record<number, Told>>): JobFindings => ({
  type: 'running',
  images: new Map([...byIndex(causes)].map(([index, cause]) => [index, failedBy(cause)])),
});

const failedBy = ([reason, message]: Told, isInconclusive = false): ImageFinding => ({
  result: isInconclusive ? 'inconclusive' : 'failed',
  cause: { reason, message },
});

const byIndex = <T>(of: Readonly<Record<number, T>>): Map<number, T> =>
  new Map(Object.entries(of).map(([index, value]) => [Number(index), value]));

export const open = failing({});

export const lost: JobFindings = { type: 'lost', images: new Map() };

export const mountRefused: JobFindings = { type: 'mountRefused', images: new Map() };

export const bothPresent = done({ 0: digest, 1: digest });

export const both = (told: Told): Readonly<Record<number, Told>> => ({ 0: told, 1: told });

export const notFound =
  'rpc error: code = NotFound desc = failed to pull and unpack image "x": failed to resolve image: x: not found';
