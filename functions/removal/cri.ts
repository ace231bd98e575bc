import { status } from '@grpc/grpc-js';
import * as z from 'zod/mini';
import { connect, CriError, type CriMethod } from './cri-call.ts';

/** An image as the runtime lists it. */
export type RuntimeImage = {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  /** Its size as the runtime reports it, including layers shared with other images. */
  readonly bytes: number;
  /** Whether the runtime must keep it, such as the pause image. */
  readonly isPinned: boolean;
};

/** A container, running or not: a stopped one needs its images when it is restarted. */
export type RuntimeContainer = {
  /** namespace/name */
  readonly pod: string;
  readonly podLabels: Readonly<Record<string, string>>;
  readonly name: string;
  readonly isRunning: boolean;
  /** Ids, tags and digests of the images that it runs and mounts. */
  readonly images: readonly string[];
};

/** The state that removals are planned from. */
export type RuntimeState = {
  readonly images: readonly RuntimeImage[];
  readonly containers: readonly RuntimeContainer[];
};

/** A client of the container runtime; all calls have a deadline and throw CriError. */
export type Cri = {
  /** Name and version: `containerd v2.2.9`. */
  readonly version: () => Promise<string>;
  /** Reads the state. Containers are read last, as they change most. */
  readonly state: () => Promise<RuntimeState>;
  readonly hasImage: (id: string) => Promise<boolean>;
  /** Removes an image with all its names. The runtime reports no error if the image is absent or in use. */
  readonly removeImage: (id: string) => Promise<void>;
  readonly close: () => void;
};

/** Time limit of a read, in milliseconds. */
const readDeadline = 10_000;
/** Time limit of a removal in milliseconds, for a large image on a slow disk. */
const removalDeadline = 120_000;

/** Creates a client from the path of the runtime's socket. */
export function createCri(socket: string): Cri {
  const { call, close } = connect(socket);
  const read = async <T>(method: CriMethod, request: object, answer: z.ZodMiniType<T>): Promise<T> =>
    answer.parse(await call(method, request, readDeadline));
  /** The images that containers mount as volumes, which never change. */
  const mounted = new Map<string, readonly string[]>();
  const mountedImages = async (containerId: string): Promise<readonly string[]> => {
    const known = mounted.get(containerId);
    if (known !== undefined) return known;
    const answer = await unlessGone(read('RuntimeService/ContainerStatus', { containerId }, containerStatusAnswer));
    const images = (answer?.status?.mounts ?? []).flatMap((mount) => namesIn(mount.image));
    mounted.set(containerId, images);
    return images;
  };
  return {
    version: async () => {
      const { runtimeName, runtimeVersion } = await read('RuntimeService/Version', {}, versionAnswer);
      return `${runtimeName} ${runtimeVersion}`;
    },
    state: async () => {
      const { images } = await read('ImageService/ListImages', {}, imagesAnswer);
      const { items } = await read('RuntimeService/ListPodSandbox', {}, podSandboxesAnswer);
      const podLabels = new Map(items.map(({ id, labels }) => [id, labels]));
      const containers: RuntimeContainer[] = [];
      for (const listed of (await read('RuntimeService/ListContainers', {}, containersAnswer)).containers)
        containers.push(
          readContainer(listed, podLabels.get(listed.podSandboxId) ?? {}, await mountedImages(listed.id)),
        );
      return { images: images.map(readImage), containers };
    },
    hasImage: async (id) =>
      (await read('ImageService/ImageStatus', { image: { image: id } }, imageStatusAnswer)).image !== null,
    removeImage: async (id) => {
      await call('ImageService/RemoveImage', { image: { image: id } }, removalDeadline);
    },
    close,
  };
}

const versionAnswer = z.object({ runtimeName: z.string(), runtimeVersion: z.string() });

const texts = z.record(z.string(), z.string());

const image = z.object({
  id: z.string().check(z.minLength(1)),
  repoTags: z.array(z.string()),
  repoDigests: z.array(z.string()),
  size: z.number(),
  pinned: z.boolean(),
});
const imagesAnswer = z.object({ images: z.array(image) });
const imageStatusAnswer = z.object({ image: z.nullable(image) });

const imageSpec = z.nullable(z.object({ image: z.string(), userSpecifiedImage: z.string() }));

const container = z.object({
  id: z.string().check(z.minLength(1)),
  podSandboxId: z.string(),
  image: imageSpec,
  imageRef: z.string(),
  imageId: z.string(),
  state: z.string(),
  labels: texts,
});
const containersAnswer = z.object({ containers: z.array(container) });

const containerStatusAnswer = z.object({
  status: z.nullable(z.object({ mounts: z.array(z.object({ image: imageSpec })) })),
});

const podSandboxesAnswer = z.object({ items: z.array(z.object({ id: z.string(), labels: texts })) });

function readImage({ id, repoTags, repoDigests, size, pinned }: z.infer<typeof image>): RuntimeImage {
  return { id, tags: repoTags, digests: repoDigests, bytes: size, isPinned: pinned };
}

function readContainer(
  listed: z.infer<typeof container>,
  podLabels: Readonly<Record<string, string>>,
  mountedImages: readonly string[],
): RuntimeContainer {
  const { labels, image: spec, imageRef, imageId } = listed;
  return {
    pod: `${labels['io.kubernetes.pod.namespace'] ?? ''}/${labels['io.kubernetes.pod.name'] ?? ''}`,
    podLabels,
    name: labels['io.kubernetes.container.name'] ?? listed.id,
    isRunning: listed.state !== 'CONTAINER_EXITED',
    images: [...[...namesIn(spec), imageRef, imageId].filter((name) => name !== ''), ...mountedImages],
  };
}

const namesIn = (spec: z.infer<typeof imageSpec>): readonly string[] =>
  spec === null ? [] : [spec.image, spec.userSpecifiedImage].filter((name) => name !== '');

/** Ignores NOT_FOUND: a container may be removed after it was listed. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof CriError && error.code === status.NOT_FOUND.valueOf()) return undefined;
    throw error;
  }
}
