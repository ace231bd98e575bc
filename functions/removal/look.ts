import type { Cri } from './cri.ts';
import type { RuntimeContainer, RuntimeState } from './runtime-state.ts';

/** Looks at a runtime, as often as it is called. Containers come last, as they change most; what one mounts never changes and is asked for once. */
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
