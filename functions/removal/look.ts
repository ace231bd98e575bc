import type { Cri } from './cri.ts';
import type { RuntimeContainer, RuntimeState } from './runtime-state.ts';

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
