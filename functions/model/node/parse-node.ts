import { BoundedMap } from '#model/text/bounded-map.ts';
import * as z from 'zod/mini';
import { normalisedReference } from '#model/text/image-reference.ts';
import { nodeId, type Node } from './node.ts';
import { interned, type Interner } from '#model/text/hash.ts';

const texts = z.record(z.string(), z.string());

const nodeSchema = z.object({
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
      conditions: z.optional(
        z.array(z.object({ type: z.string(), status: z.string(), lastHeartbeatTime: z.nullish(z.string()) })),
      ),
      nodeInfo: z.optional(texts),
      images: z.optional(z.array(z.object({ names: z.nullish(z.array(z.string())) }))),
    }),
  ),
});

/**
 * Returns a parser for many Nodes, which share the values of equal images. A Node that is read again without a change is the
 * same object while anybody uses it: many decisions list all Nodes at once. It throws a ZodError for an invalid Node.
 */
export function nodeReader(): (object: unknown) => Node {
  const shared = { intern: interned<ListedImage>(maxShared), indexOf: imageIndex() };
  const known = new BoundedMap<string, { readonly version: string; readonly node: WeakRef<Node> }>(maxKnown);
  return (object) => {
    const { uid, resourceVersion: version } = identity.parse(object).metadata;
    const latest = known.get(uid);
    const same = version !== undefined && latest?.version === version ? latest.node.deref() : undefined;
    if (same !== undefined) return same;
    const node = readNode(object, shared);
    if (version !== undefined) known.set(uid, { version, node: new WeakRef(node) });
    return node;
  };
}

const identity = z.object({ metadata: z.object({ uid: z.string(), resourceVersion: z.optional(z.string()) }) });

/** Nodes that a parser remembers, a few words for each. */
const maxKnown = 20_000;

/** Images that a parser remembers: a megabyte or two. */
const maxShared = 4_000;

/** Parses one Node. */
export const parseNode = (object: unknown): Node => nodeReader()(object);

type Shared = { readonly intern: Interner<ListedImage>; readonly indexOf: ReturnType<typeof imageIndex> };

function readNode(object: unknown, { intern, indexOf }: Shared): Node {
  const { metadata, spec, status } = nodeSchema.parse(object);
  const images = (status?.images ?? []).map(({ names }) =>
    intern(JSON.stringify(names ?? []), () => listedImage(names ?? [])),
  );
  const info = status?.nodeInfo ?? {};
  const conditionOf = (type: string) => status?.conditions?.find((condition) => condition.type === type);
  const has = (type: string): boolean => conditionOf(type)?.status === 'True';
  const fields = {
    name: metadata.name,
    uid: metadata.uid,
    createdAt: Date.parse(metadata.creationTimestamp ?? '') || 0,
    id: nodeId(metadata.uid, info['machineID'] ?? '', info['systemUUID'] ?? ''),
    labels: metadata.labels ?? {},
    taints: (spec?.taints ?? []).map(({ key, value = '', effect }) => ({ key, value, effect })),
    isReady: has('Ready'),
    reportedAt: Date.parse(conditionOf('Ready')?.lastHeartbeatTime ?? '') || 0,
    isUnschedulable: spec?.unschedulable ?? false,
    hasDiskPressure: has('DiskPressure'),
    isBeingDeleted: metadata.deletionTimestamp !== undefined,
    operatingSystem: info['operatingSystem'] ?? metadata.labels?.['kubernetes.io/os'] ?? '',
    kubeletVersion: info['kubeletVersion'] ?? '',
    containerRuntime: info['containerRuntimeVersion'] ?? '',
    isImageListComplete: isCompleteList(images.map(({ references }) => references.length)),
  };
  return withIndex(fields, images, indexOf);
}

/** A function of its own: getters keep all variables around them, which would be the whole Node as it was received. */
const withIndex = (
  fields: Omit<Node, keyof ImageIndex>,
  listed: readonly ListedImage[],
  indexOf: Shared['indexOf'],
): Node => ({
  ...fields,
  get images() {
    return indexOf(listed).images;
  },
  get digests() {
    return indexOf(listed).digests;
  },
});

type ImageIndex = Pick<Node, 'images' | 'digests'>;

/** Indexes the images of one node at a time: decisions go through nodes in turn, and an index of each would need four times the memory of all else. */
function imageIndex(): (images: readonly ListedImage[]) => ImageIndex {
  let latest: { readonly of: readonly ListedImage[]; readonly index: ImageIndex } | undefined;
  return (images) => {
    if (latest?.of !== images)
      latest = {
        of: images,
        index: {
          images: new Set(images.flatMap(({ references }) => references)),
          digests: new Map(images.flatMap(({ digests }) => digests)),
        },
      };
    return latest.index;
  };
}

/** One image of a node's list: its normalised names, and the digests of each name with a tag. */
type ListedImage = {
  readonly references: readonly string[];
  readonly digests: readonly (readonly [tag: string, digests: ReadonlySet<string>])[];
};

/**
 * Kubelets list the digests of an image before its tags and cut after five names: if a tag is listed, so are all
 * digests.
 */
function listedImage(names: readonly string[]): ListedImage {
  const digests = new Set(names.flatMap(digestIn));
  const tags = digests.size === 0 ? [] : names.filter((name) => !name.includes('@')).map(normalisedReference);
  return { references: names.map(normalisedReference), digests: tags.map((tag) => [tag, digests]) };
}

const digestIn = (name: string): readonly string[] => (name.includes('@') ? [name.slice(name.indexOf('@') + 1)] : []);

/** Default limits of a kubelet's image list: images, and names per image. */
const maxImages = 50;
const maxNames = 5;

/** Whether a list with so many names for each image has all images of its node. */
export const isCompleteList = (namesPerImage: readonly number[]): boolean =>
  namesPerImage.length < maxImages && namesPerImage.every((names) => names < maxNames);
