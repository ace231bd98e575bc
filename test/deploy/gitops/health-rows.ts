import { conditionsOf } from '#model/cache/conditions.ts';
import type { Condition, ImageCache, Status } from '#model/cache/image-cache.ts';
import { serializeStatus } from '#model/status/serialize-status.ts';
import { reportedStatus } from '#model/report/reported-status.ts';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { cache, noon, pulling, round, settings, status } from '../../functions/model/builders.ts';
import type { Kstatus } from './kstatus.ts';

type At = { readonly phase: keyof typeof phases; readonly before?: readonly Condition[]; readonly generation?: number };

const ready = { 'node-1': pulling({ state: 'Ready' }) };
const failing = { 'node-1': pulling({ state: 'Failed', images: 'fp' }) };
const removal = newRemovalEntry('id', 'hash', 2);
const open = { status: 'Processing' } as const;
const closed = { status: 'Succeeded', completionTime: noon, lastRefreshTime: noon } as const;
const purge = round({ operation: 'Purge' });

/** What the conditions are derived from in each phase of a cache. */
const phases = {
  first: { ...open, nodes: { 'node-1': pulling() } },
  open: { ...open, lastRefreshTime: noon, nodes: { 'node-1': pulling() } },
  joined: { ...closed, nodes: { ...ready, 'node-2': pulling() } },
  succeeded: { ...closed, nodes: ready },
  failed: { ...closed, nodes: failing },
  noNodes: { ...closed, nodes: {} },
  allSkipped: { ...closed, nodes: { 'node-1': pulling({ state: 'Skipped', reason: 'NotReady' }) } },
  purging: { ...open, round: purge, removals: { 'node-1': removal } },
  purged: { ...closed, round: purge, removals: { 'node-1': { ...removal, state: 'Removed' } } },
  purgeFailed: {
    ...closed,
    round: purge,
    removals: { 'node-1': { ...removal, state: 'Skipped', reason: 'NotReady' } },
  },
} as const satisfies Readonly<Record<string, Partial<Status>>>;

const conditions = ({ phase, before = [], generation = 2 }: At): readonly Condition[] =>
  reportedStatus(
    cache({ generation, status: status({ round: round(), ...phases[phase], conditions: before }) }),
    false,
    { settings: settings(), scheduled: undefined, now: noon },
  ).conditions;

const suspended = (before: readonly Condition[]): readonly Condition[] =>
  conditionsOf(
    { Reconciling: ['False', 'Suspended'], Stalled: ['False', 'Ok'] },
    { conditions: before, generation: 2, message: '', now: noon },
  );

const kind = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache' };
const named = { name: 'web', namespace: 'apps' };

const object = (status: Partial<Status>, of: Partial<ImageCache> = {}): object => {
  const whole = cache({ generation: 2, ...of });
  const stored: ImageCache = { ...whole, status: { ...whole.status, observedGeneration: 2, ...status } };
  const metadata = {
    ...named,
    generation: stored.generation,
    ...(stored.isBeingDeleted && { deletionTimestamp: '2026-11-24T12:00:00Z' }),
  };
  return { ...kind, metadata, spec: { suspend: stored.spec.suspend }, status: serializeStatus(stored.status, stored) };
};

const succeeded = conditions({ phase: 'succeeded' });
const failed = conditions({ phase: 'failed' });
const purged = conditions({ phase: 'purged' });
const suspendedSpec = { spec: { ...cache().spec, suspend: true } };

export type HealthRow = {
  readonly when: string;
  /** The ImageCache as stored by the API server. */
  readonly of: object;
  readonly argo: string;
  readonly kstatus: Kstatus;
};

/** ImageCaches in every phase, with their status in Argo CD and kstatus. */
export const healthRows: readonly HealthRow[] = [
  {
    when: 'it has no status yet',
    of: { ...kind, metadata: { ...named, generation: 1 }, spec: {} },
    argo: 'Progressing',
    kstatus: 'Current',
  },
  {
    when: 'the first round is in progress',
    of: object({ status: 'Processing', conditions: conditions({ phase: 'first' }) }),
    argo: 'Progressing',
    kstatus: 'InProgress',
  },
  {
    when: 'all images are present',
    of: object({ status: 'Succeeded', conditions: succeeded }),
    argo: 'Healthy',
    kstatus: 'Current',
  },
  {
    when: 'no node matches',
    of: object({ status: 'NoImagesPulledOrDeleted', conditions: conditions({ phase: 'noNodes' }) }),
    argo: 'Healthy',
    kstatus: 'Current',
  },
  {
    when: 'none of the nodes that match can be served now',
    of: object({ status: 'NoImagesPulledOrDeleted', conditions: conditions({ phase: 'allSkipped' }) }),
    argo: 'Progressing',
    kstatus: 'InProgress',
  },
  { when: 'images failed', of: object({ status: 'Failed', conditions: failed }), argo: 'Degraded', kstatus: 'Failed' },
  {
    when: 'a refresh pulls an image that has moved',
    of: object({ status: 'Processing', conditions: conditions({ phase: 'open', before: succeeded }) }),
    argo: 'Progressing',
    kstatus: 'InProgress',
  },
  {
    when: 'a node that joined is being served',
    of: object({ status: 'Processing', conditions: conditions({ phase: 'joined', before: succeeded }) }),
    argo: 'Progressing',
    kstatus: 'InProgress',
  },
  {
    when: 'a failed cache is retried',
    of: object({ status: 'Processing', conditions: conditions({ phase: 'open', before: failed }) }),
    argo: 'Progressing',
    kstatus: 'InProgress',
  },
  {
    when: 'an edit has not been observed',
    of: object({ status: 'Succeeded', conditions: succeeded }, { generation: 3 }),
    argo: 'Progressing',
    kstatus: 'InProgress',
  },
  {
    when: 'an edit is in progress',
    of: object(
      {
        status: 'Processing',
        observedGeneration: 3,
        conditions: conditions({ phase: 'open', before: succeeded, generation: 3 }),
      },
      { generation: 3 },
    ),
    argo: 'Progressing',
    kstatus: 'InProgress',
  },
  {
    when: 'it was purged',
    of: object({ status: 'Succeeded', reason: 'ImageCachePurge', conditions: conditions({ phase: 'purged' }) }),
    argo: 'Suspended',
    kstatus: 'InProgress',
  },
  {
    when: 'it is suspended',
    of: object({ status: 'Aborted', conditions: suspended(succeeded) }, suspendedSpec),
    argo: 'Suspended',
    kstatus: 'Current',
  },
  {
    when: 'it was suspended before anything was pulled',
    of: object({ status: '', conditions: suspended([]) }, suspendedSpec),
    argo: 'Suspended',
    kstatus: 'InProgress',
  },
  {
    when: 'a purge is in progress',
    of: object({ status: 'Processing', conditions: conditions({ phase: 'purging', before: purged }) }),
    argo: 'Progressing',
    kstatus: 'InProgress',
  },
  {
    when: 'a purge failed',
    of: object({ status: 'Failed', reason: 'ImageCachePurge', conditions: conditions({ phase: 'purgeFailed' }) }),
    argo: 'Degraded',
    kstatus: 'Failed',
  },
  {
    when: 'Jobs can be created again after they were denied',
    of: object({
      status: 'Succeeded',
      conditions: conditions({ phase: 'succeeded', before: conditions({ phase: 'joined', before: succeeded }) }),
    }),
    argo: 'Healthy',
    kstatus: 'Current',
  },
  {
    when: 'kube-fledged wrote it',
    of: {
      ...kind,
      metadata: { ...named, generation: 1 },
      spec: {},
      status: { status: 'Succeeded', reason: 'ImageCacheCreate' },
    },
    argo: 'Progressing',
    kstatus: 'Current',
  },
];

/** What Argo CD does not ask the script about: it waits for a deletion by itself. */
export const beingDeleted: Pick<HealthRow, 'when' | 'of' | 'kstatus'> = {
  when: 'it is being deleted',
  of: object({ status: 'Succeeded', conditions: succeeded }, { isBeingDeleted: true }),
  kstatus: 'Terminating',
};
