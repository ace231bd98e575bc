import * as z from 'zod/mini';
import { normalisedReference } from './image-reference.ts';
import { nodeId, type Node } from './node.ts';

const texts = z.record(z.string(), z.string());

const wire = z.object({
  metadata: z.object({
    name: z.string(),
    uid: z.string(),
    labels: z.optional(texts),
    creationTimestamp: z.optional(z.string()),
    deletionTimestamp: z.optional(z.string()),
  }),
  spec: z.optional(
    z.object({
      unschedulable: z.optional(z.boolean()),
      taints: z.optional(z.array(z.object({ key: z.string(), value: z.optional(z.string()), effect: z.string() }))),
    }),
  ),
  status: z.optional(
    z.object({
      conditions: z.optional(z.array(z.object({ type: z.string(), status: z.string() }))),
      nodeInfo: z.optional(texts),
      images: z.optional(z.array(z.object({ names: z.nullish(z.array(z.string())) }))),
    }),
  ),
});

/** Reads a Node off the wire. Throws a ZodError for what is none. */
export function parseNode(object: unknown): Node {
  const { metadata, spec, status } = wire.parse(object);
  const info = status?.nodeInfo ?? {};
  const has = (type: string): boolean =>
    status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
  return {
    name: metadata.name,
    uid: metadata.uid,
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
    id: nodeId(metadata.uid, info['machineID'] ?? '', info['systemUUID'] ?? ''),
    labels: metadata.labels ?? {},
    taints: (spec?.taints ?? []).map(({ key, value = '', effect }) => ({ key, value, effect })),
    isReady: has('Ready'),
    isUnschedulable: spec?.unschedulable ?? false,
    hasDiskPressure: has('DiskPressure'),
    isBeingDeleted: metadata.deletionTimestamp !== undefined,
    operatingSystem: info['operatingSystem'] ?? metadata.labels?.['kubernetes.io/os'] ?? '',
    kubeletVersion: info['kubeletVersion'] ?? '',
    containerRuntime: info['containerRuntimeVersion'] ?? '',
    isImageListComplete: isComplete(status?.images?.map(({ names }) => names?.length ?? 0) ?? []),
    digests: digestsByTag(status?.images?.map(({ names }) => names ?? []) ?? []),
    images: new Set(status?.images?.flatMap(({ names }) => (names ?? []).map(normalisedReference)) ?? []),
  };
}

/** The names of one image are its digests first, then its tags, cut behind the fifth: where there is a tag, there are all digests. */
function digestsByTag(images: readonly (readonly string[])[]): Node['digests'] {
  const digests = images.flatMap((names) => {
    const [known, tags] = [names.flatMap(digestIn), names.filter((name) => !name.includes('@'))];
    return known.length === 0 ? [] : tags.map((tag) => [normalisedReference(tag), new Set(known)] as const);
  });
  return new Map(digests);
}

const digestIn = (name: string): readonly string[] => (name.includes('@') ? [name.slice(name.indexOf('@') + 1)] : []);

/** What a kubelet's list holds at the most by default: images, and names of each. */
const mostImages = 50;
const mostNames = 5;

const isComplete = (namesPerImage: readonly number[]): boolean =>
  namesPerImage.length < mostImages && namesPerImage.every((names) => names < mostNames);
