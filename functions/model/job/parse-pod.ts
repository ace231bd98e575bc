import * as z from 'zod/mini';
import { interned, type Interner } from '#model/text/hash.ts';
import type { ContainerStatus, ImageAccess, Pod } from './job.ts';
import { epoch, metadata, ownership } from './job-metadata.ts';
import { helperContainer } from './job-pod.ts';

const text = z._default(z.string(), '');

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
  volumes: z.optional(z.array(z.object({ name: text, image: z.optional(z.looseObject({ reference: text })) }))),
  containers: z.optional(z.array(z.object({ name: text, image: text }))),
  initContainers: z.optional(z.array(z.object({ name: z.string() }))),
  imagePullSecrets: z.optional(z.array(z.object({ name: text }))),
});

const podSchema = z.object({
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

/** Returns a parser for many Pods, which share equal container statuses. It throws a ZodError for an invalid Pod. */
export function podReader(): (object: unknown) => Pod {
  const intern = interned<ContainerStatus>();
  return (object) => readPod(object, intern);
}

/** Parses one Pod. */
export const parsePod = (object: unknown): Pod => podReader()(object);

function readPod(object: unknown, intern: Interner<ContainerStatus>): Pod {
  const { metadata: meta, spec, status } = podSchema.parse(object);
  const owner = meta.ownerReferences?.find(({ controller }) => controller === true);
  const conditions = status?.conditions ?? [];
  const references = referencesIn(spec);
  const shared = (serialized: z.infer<typeof containerStatus>): ContainerStatus => {
    const container = { ...parseContainer(serialized), reference: references.get(serialized.name) ?? '' };
    return intern(JSON.stringify(container), () => container);
  };
  return {
    ...ownership(meta),
    jobName: owner?.kind === 'Job' ? owner.name : '',
    jobUid: owner?.kind === 'Job' ? owner.uid : '',
    phase: status?.phase ?? '',
    reason: status?.reason ?? '',
    message: status?.message ?? '',
    isDisrupted: conditions.some(({ type, status: value }) => type === 'DisruptionTarget' && value === 'True'),
    imageAccess: imageAccessOf(spec),
    hasPullSecrets: spec?.imagePullSecrets?.some(({ name }) => name !== '') === true,
    unschedulable:
      conditions.find(({ type, status: value }) => type === 'PodScheduled' && value === 'False')?.message ?? '',
    startedAt: epoch(status?.startTime ?? ''),
    helper: status?.initContainerStatuses?.map(shared).find(({ name }) => name === helperContainer),
    containers: status?.containerStatuses?.map(shared) ?? [],
  };
}

function imageAccessOf(spec: z.infer<typeof podSpec> | undefined): ImageAccess {
  if (spec?.volumes?.some(({ image }) => image !== undefined) === true) return 'mounting';
  return spec?.initContainers?.some(({ name }) => name === helperContainer) === true ? 'copying' : 'neither';
}

/** What each container pulls: the image of the volume that has its name, or its own. */
function referencesIn(spec: z.infer<typeof podSpec> | undefined): ReadonlyMap<string, string> {
  const own = spec?.containers?.map(({ name, image }) => [name, image] as const) ?? [];
  const mounted = spec?.volumes?.flatMap(({ name, image }) => (image ? [[name, image.reference] as const] : [])) ?? [];
  return new Map([...own, ...mounted]);
}

function parseContainer({ name, imageID, state }: z.infer<typeof containerStatus>): Omit<ContainerStatus, 'reference'> {
  const none = { reason: '', message: '', exitCode: 0 };
  if (state?.terminated !== undefined) return { name, imageId: imageID, state: 'terminated', ...state.terminated };
  if (state?.running !== undefined) return { name, imageId: imageID, state: 'running', ...none };
  return { name, imageId: imageID, state: 'waiting', ...none, ...state?.waiting };
}
