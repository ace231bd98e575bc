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
  readonly images: () => Promise<readonly RuntimeImage[]>;
  readonly hasImage: (id: string) => Promise<boolean>;
  /** Removes an image with all its names. The runtime reports no error if the image is absent or in use. */
  readonly removeImage: (id: string) => Promise<void>;
  readonly containers: () => Promise<readonly ListedContainer[]>;
  /** The images that a container mounts as volumes; empty if the container is gone. */
  readonly mountedImages: (containerId: string) => Promise<readonly string[]>;
  /** Labels of Pods by sandbox id. */
  readonly podLabels: () => Promise<ReadonlyMap<string, Readonly<Record<string, string>>>>;
  readonly close: () => void;
};

/** A listed container; its mounts and its Pod's labels are requested separately. */
export type ListedContainer = Omit<RuntimeContainer, 'podLabels'> & { readonly id: string; readonly sandboxId: string };

/** Time limit of a read, in milliseconds. */
const readDeadline = 10_000;
/** Time limit of a removal in milliseconds, for a large image on a slow disk. */
const removalDeadline = 120_000;

/** Creates a client from the path of the runtime's socket. */
export function createCri(socket: string): Cri {
  const { call, close } = connect(socket);
  const ask = async <T>(method: CriMethod, request: object, answer: z.ZodMiniType<T>): Promise<T> =>
    answer.parse(await call(method, request, readDeadline));
  return {
    version: async () => {
      const { runtimeName, runtimeVersion } = await ask('RuntimeService/Version', {}, versionAnswer);
      return `${runtimeName} ${runtimeVersion}`;
    },
    images: async () => (await ask('ImageService/ListImages', {}, imagesAnswer)).images.map(readImage),
    hasImage: async (id) =>
      (await ask('ImageService/ImageStatus', { image: { image: id } }, imageStatusAnswer)).image !== null,
    removeImage: async (id) => {
      await call('ImageService/RemoveImage', { image: { image: id } }, removalDeadline);
    },
    containers: async () =>
      (await ask('RuntimeService/ListContainers', {}, containersAnswer)).containers.map(readContainer),
    mountedImages: async (containerId) => {
      const asked = ask('RuntimeService/ContainerStatus', { containerId }, containerStatusAnswer);
      return mountedIn(await unlessGone(asked));
    },
    podLabels: async () => {
      const { items } = await ask('RuntimeService/ListPodSandbox', {}, podSandboxesAnswer);
      return new Map(items.map(({ id, labels }) => [id, labels]));
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

function readContainer(listed: z.infer<typeof container>): ListedContainer {
  const { labels } = listed;
  return {
    id: listed.id,
    sandboxId: listed.podSandboxId,
    pod: `${labels['io.kubernetes.pod.namespace'] ?? ''}/${labels['io.kubernetes.pod.name'] ?? ''}`,
    name: labels['io.kubernetes.container.name'] ?? listed.id,
    isRunning: listed.state !== 'CONTAINER_EXITED',
    images: [...namesIn(listed.image), listed.imageRef, listed.imageId].filter((name) => name !== ''),
  };
}

function mountedIn(answer: z.infer<typeof containerStatusAnswer> | undefined): readonly string[] {
  return (answer?.status?.mounts ?? []).flatMap((mount) => namesIn(mount.image));
}

const namesIn = (spec: z.infer<typeof imageSpec>): readonly string[] =>
  spec === null ? [] : [spec.image, spec.userSpecifiedImage].filter((name) => name !== '');

/** Ignores NOT_FOUND: a container may be removed after it was listed. */
async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof CriError && error.code === status.NOT_FOUND.valueOf()) return undefined;
    throw error;
  }
}

/** Returns a function that reads the state of a runtime. Containers are read last, as they change most; mounts are cached, as they never change. */
export function createLook(cri: Cri): () => Promise<RuntimeState> {
  const mounted = new Map<string, readonly string[]>();
  const mountedBy = async (id: string): Promise<readonly string[]> => {
    const images = mounted.get(id) ?? (await cri.mountedImages(id));
    mounted.set(id, images);
    return images;
  };
  return async () => {
    const [images, labels] = [await cri.images(), await cri.podLabels()];
    const containers: RuntimeContainer[] = [];
    for (const { id, sandboxId, ...container } of await cri.containers())
      containers.push({
        ...container,
        podLabels: labels.get(sandboxId) ?? {},
        images: [...container.images, ...(await mountedBy(id))],
      });
    return { images, containers };
  };
}
