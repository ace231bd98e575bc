import * as z from 'zod/mini';
import { normalisedReference } from '#model/text/image-reference.ts';
import { nodeId, type Node } from './node.ts';
import { interned, type Interner } from '#model/text/interned.ts';

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

/** Reads Nodes off the wire that may be many: those with the same images share what is told of these. Throws a ZodError for what is none. */
export function nodeReader(): (object: unknown) => Node {
  const share = interned<ListedImage>();
  return (object) => readNode(object, share);
}

/** Reads one Node. */
export const parseNode = (object: unknown): Node => nodeReader()(object);

function readNode(object: unknown, share: Interner<ListedImage>): Node {
  const { metadata, spec, status } = wire.parse(object);
  const images = (status?.images ?? []).map(({ names }) =>
    share(JSON.stringify(names ?? []), () => listed(names ?? [])),
  );
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
    isImageListComplete: isComplete(images.map(({ references }) => references.length)),
    digests: new Map(images.flatMap(({ digests }) => digests)),
    images: new Set(images.flatMap(({ references }) => references)),
  };
}

/** One image of a node's list: its names, normalised, and what each tag among them stands for. */
type ListedImage = {
  readonly references: readonly string[];
  readonly digests: readonly (readonly [tag: string, digests: ReadonlySet<string>])[];
};

/** The names of one image are its digests first, then its tags, cut behind the fifth: where there is a tag, there are all digests. */
function listed(names: readonly string[]): ListedImage {
  const known = new Set(names.flatMap(digestIn));
  const tags = known.size === 0 ? [] : names.filter((name) => !name.includes('@')).map(normalisedReference);
  return { references: names.map(normalisedReference), digests: tags.map((tag) => [tag, known]) };
}

const digestIn = (name: string): readonly string[] => (name.includes('@') ? [name.slice(name.indexOf('@') + 1)] : []);

/** What a kubelet's list holds at the most by default: images, and names of each. */
const mostImages = 50;
const mostNames = 5;

const isComplete = (namesPerImage: readonly number[]): boolean =>
  namesPerImage.length < mostImages && namesPerImage.every((names) => names < mostNames);
