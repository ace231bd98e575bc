import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { hasStarted } from '../behaviour/history.ts';
import { collection } from '../behaviour/kind.ts';
import { imagesIn, isRemoval, parsePod, type ObservedPod } from '../behaviour/observed.ts';
import { recordWatch } from '../behaviour/watch.ts';

/** The images of nodes that have no runtime, by what their Pods did. */
export type RecordedImages = {
  readonly on: (node: string) => readonly string[];
  /** The node is gone; another of its name is empty. */
  readonly forget: (node: string) => void;
  readonly stop: () => Promise<void>;
};

/** Records what Pods on simulated nodes pulled and removed. */
export async function recordImages(api: Api, namespace: string): Promise<RecordedImages> {
  const recording = await recordWatch(api, collection('Pod', namespace), (object) => ({
    pod: parsePod(object),
    containerStatuses: messages.parse(object).status.containerStatuses,
  }));
  const held = new Map<string, Set<string>>();
  const done = new Set<string>();
  let read = 0;
  const readOn = (): void => {
    const changes = recording.changes();
    for (const { object } of changes.slice(read)) take(object.pod, object.containerStatuses);
    read = changes.length;
  };
  const take = (pod: ObservedPod, containerStatuses: readonly ContainerStatus[]): void => {
    const { nodeName } = pod.spec;
    if (nodeName === '' || done.has(pod.metadata.uid) || containerStatuses.length === 0) return;
    done.add(pod.metadata.uid);
    const images = held.get(nodeName) ?? new Set();
    held.set(nodeName, images);
    if (isRemoval(pod)) for (const image of removedIn(containerStatuses)) images.delete(image);
    else for (const image of pulledBy(pod)) images.add(image);
  };
  return {
    on: (node) => {
      readOn();
      return [...(held.get(node) ?? [])];
    },
    forget: (node) => {
      readOn();
      held.delete(node);
    },
    stop: recording.stop,
  };
}

/** The images of containers that have started. Volumes and containers have the same order. */
function pulledBy({ spec, status }: ObservedPod): readonly string[] {
  const volumes = spec.volumes.filter(({ image }) => image !== undefined);
  return spec.containers.flatMap((container, index) => {
    const state = status.containerStatuses.find(({ name }) => name === container.name)?.state ?? {};
    if (!hasStarted(state)) return [];
    return imagesIn({ ...spec, containers: [container], volumes: volumes.slice(index, index + 1) });
  });
}

const containerStatus = z.object({
  state: z.prefault(z.object({ terminated: z.optional(z.object({ message: z._default(z.string(), '') })) }), {}),
});
type ContainerStatus = z.infer<typeof containerStatus>;
const messages = z.object({
  status: z.prefault(z.object({ containerStatuses: z._default(z.array(containerStatus), []) }), {}),
});

const result = z.object({ images: z.array(z.object({ outcome: z.string(), image: z.string() })) });

/** What the containers of a removal Pod report as removed. */
const removedIn = (all: readonly ContainerStatus[]): readonly string[] =>
  all.flatMap(({ state }) => {
    const message = state.terminated?.message ?? '';
    if (message === '') return [];
    return result
      .parse(JSON.parse(message))
      .images.flatMap(({ outcome, image }) => (outcome === 'removed' ? [image] : []));
  });
