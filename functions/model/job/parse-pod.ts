import * as z from 'zod/mini';
import { jobAnnotations, labels } from '#model/cache/api.ts';
import { interned, type Interner } from '#model/text/interned.ts';
import type { ContainerStatus, HeldImages, Pod, ImageAccess } from './pod.ts';
import type { Job } from './job.ts';
import { helperContainer } from './pull-container.ts';

const texts = z.optional(z.record(z.string(), z.string()));
const text = z._default(z.string(), '');

const metadata = z.object({
  name: z.string(),
  namespace: text,
  uid: z.string(),
  labels: texts,
  annotations: texts,
  creationTimestamp: text,
  deletionTimestamp: text,
  ownerReferences: z.optional(
    z.array(z.object({ kind: z.string(), name: z.string(), uid: z.string(), controller: z.optional(z.boolean()) })),
  ),
});

const waiting = z.object({ reason: text, message: text });
const terminated = z.object({ reason: text, message: text, exitCode: z._default(z.number(), 0) });
const containerStatus = z.object({
  name: z.string(),
  imageID: text,
  state: z.optional(
    z.object({ waiting: z.optional(waiting), running: z.optional(z.unknown()), terminated: z.optional(terminated) }),
  ),
});

const podSpec = z.object({
  volumes: z.optional(z.array(z.object({ image: z.optional(z.unknown()) }))),
  initContainers: z.optional(z.array(z.object({ name: z.string() }))),
});

const wirePod = z.object({
  metadata,
  spec: z.optional(podSpec),
  status: z.optional(
    z.object({
      phase: text,
      reason: text,
      message: text,
      startTime: text,
      conditions: z.optional(z.array(z.object({ type: z.string(), status: z.string(), reason: text, message: text }))),
      initContainerStatuses: z.optional(z.array(containerStatus)),
      containerStatuses: z.optional(z.array(containerStatus)),
    }),
  ),
});

const count = z._default(z.number(), 0);

const wireJob = z.object({
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

/** Reads Pods off the wire that may be many: containers of which the same is told share it. Throws a ZodError for what is none. */
export function podReader(): (object: unknown) => Pod {
  const share = interned<ContainerStatus>();
  return (object) => readPod(object, share);
}

/** Reads one Pod. */
export const parsePod = (object: unknown): Pod => podReader()(object);

function readPod(object: unknown, share: Interner<ContainerStatus>): Pod {
  const { metadata: meta, spec, status } = wirePod.parse(object);
  const owner = meta.ownerReferences?.find(({ controller }) => controller === true);
  const conditions = status?.conditions ?? [];
  const shared = (told: z.infer<typeof containerStatus>): ContainerStatus => {
    const container = parseContainer(told);
    return share(JSON.stringify(container), () => container);
  };
  return {
    ...ownership(meta),
    jobName: owner?.kind === 'Job' ? owner.name : '',
    jobUid: owner?.kind === 'Job' ? owner.uid : '',
    phase: status?.phase ?? '',
    reason: status?.reason ?? '',
    message: status?.message ?? '',
    isDisrupted: conditions.some(({ type, status: is }) => type === 'DisruptionTarget' && is === 'True'),
    imageAccess: wayOf(spec),
    unschedulable: conditions.find(({ type, status: is }) => type === 'PodScheduled' && is === 'False')?.message ?? '',
    startedAt: epoch(status?.startTime ?? ''),
    helper: status?.initContainerStatuses?.map(shared).find(({ name }) => name === helperContainer),
    containers: status?.containerStatuses?.map(shared) ?? [],
  };
}

/** Reads a Job off the wire, or the metadata of one: then its outcome is not known. */
export function parseJob(object: unknown): Job {
  const { metadata: meta, status } = wireJob.parse(object);
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

/** A list in JSON; what does not read names nothing. */
function removesOf(text: string | undefined): readonly string[] {
  try {
    return z.array(z.string()).parse(JSON.parse(text ?? '[]'));
  } catch {
    return [];
  }
}

function ownership(meta: z.infer<typeof metadata>) {
  return {
    name: meta.name,
    namespace: meta.namespace,
    uid: meta.uid,
    cacheUid: meta.labels?.[labels.cacheUid] ?? '',
    nodeId: meta.labels?.[labels.node] ?? '',
    round: Number(meta.annotations?.[jobAnnotations.round] ?? 0),
    holds: holding(meta.annotations?.[jobAnnotations.holds] ?? ''),
    isBeingDeleted: meta.deletionTimestamp !== '',
    createdAt: epoch(meta.creationTimestamp) ?? 0,
  };
}

/** `want/0,1,5`; Jobs of before it was written hold nothing that is known. */
function holding(told: string): HeldImages {
  const [want = '', indexes = ''] = told.split('/');
  return { desiredHash: want, indexes: indexes === '' ? [] : indexes.split(',').map(Number) };
}

function wayOf(spec: z.infer<typeof podSpec> | undefined): ImageAccess {
  if (spec?.volumes?.some(({ image }) => image !== undefined) === true) return 'mounting';
  return spec?.initContainers?.some(({ name }) => name === helperContainer) === true ? 'copying' : 'neither';
}

function parseContainer({ name, imageID, state }: z.infer<typeof containerStatus>): ContainerStatus {
  const none = { reason: '', message: '', exitCode: 0 };
  if (state?.terminated !== undefined) return { name, imageId: imageID, state: 'terminated', ...state.terminated };
  if (state?.running !== undefined) return { name, imageId: imageID, state: 'running', ...none };
  return { name, imageId: imageID, state: 'waiting', ...none, ...state?.waiting };
}

const epoch = (text: string): number | undefined => (text === '' ? undefined : Date.parse(text));
