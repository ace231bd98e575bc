import { type JsonObject, isObject, listAt, textAt } from '../json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { ImageStore, PullResult, End } from './image-store.ts';
import type { PodStatusBuffer } from './pod-status.ts';
import type { PodEvents } from './pod-events.ts';
import { specsOf } from './pod-record.ts';

/** Why a container could not be started. */
export type Failure = {
  readonly spec: JsonObject;
  readonly reference: string;
  readonly reason: string;
  readonly message: string;
};

export type PodPulls = {
  /** Pulls the image volumes that are not there yet. */
  readonly mount: () => Promise<void>;
  /** Pulls a container's image and starts it; a broken volume of its own holds it. */
  readonly start: (spec: JsonObject) => Promise<Failure | undefined>;
};

export const containerPath = (pod: KubeObject, spec: JsonObject): string => {
  const field = specsOf(pod, 'containers').includes(spec) ? 'containers' : 'initContainers';
  return `spec.${field}{${textAt(spec, 'name')}}`;
};

/** How long a container runs: one that sleeps as long as it says, one that is to be restarted for ever. */
const runTime = (pod: KubeObject, spec: JsonObject, usual: number): number => {
  if (textAt(pod, 'spec', 'restartPolicy') === 'Always' && specsOf(pod, 'containers').includes(spec)) return Infinity;
  const words = [...listAt(spec, 'command'), ...listAt(spec, 'args')].map(String).join(' ');
  const [, seconds] = /\bsleep (\d+)\b/.exec(words) ?? [];
  return seconds === undefined ? usual : Number(seconds) * 1000;
};

/** The image volumes of a pod, by name. */
const imageVolumes = (pod: KubeObject): ReadonlyMap<string, JsonObject> =>
  new Map(
    listAt(pod, 'spec', 'volumes')
      .filter(isObject)
      .flatMap((volume) => (isObject(volume['image']) ? [[textAt(volume, 'name'), volume['image']]] : [])),
  );

/** What a pod pulls from its node's store of images. */
export const podPulls = (
  desk: PodStatusBuffer,
  images: ImageStore,
  order: {
    readonly events: PodEvents;
    readonly run: number;
    /** How a container ends, if not well and in silence. */
    readonly play: (container: JsonObject) => End | undefined;
  },
): PodPulls => {
  const { events, run, play } = order;
  const volumes = imageVolumes(desk.pod);
  const mounted = new Map<string, PullResult>();
  const pull = (reference: string, policy: string, path: string): Promise<PullResult> =>
    new Promise((resolve) => {
      const done = (result: PullResult): void => {
        if (desk.isClosed()) return;
        events.pulled(reference, path, result);
        resolve(result);
      };
      images.pull(reference, policy, () => events.pulling(reference, path), done);
    });
  const brokenVolume = (spec: JsonObject): Failure | undefined => {
    for (const mount of listAt(spec, 'volumeMounts')) {
      const name = textAt(mount, 'name');
      const result = mounted.get(name);
      if (result?.is === 'failed')
        return {
          spec,
          reference: textAt(volumes.get(name), 'reference'),
          reason: result.reason,
          message: result.message,
        };
    }
    return undefined;
  };
  return {
    mount: async () => {
      for (const [name, image] of volumes)
        if ((mounted.get(name)?.is ?? 'failed') === 'failed')
          mounted.set(name, await pull(textAt(image, 'reference'), textAt(image, 'pullPolicy'), ''));
    },
    start: async (spec) => {
      const broken = brokenVolume(spec);
      if (broken !== undefined) return broken;
      const [reference, path] = [textAt(spec, 'image'), containerPath(desk.pod, spec)];
      const result = await pull(reference, textAt(spec, 'imagePullPolicy'), path);
      if (result.is === 'failed') return { spec, reference, reason: result.reason, message: result.message };
      const { name: image, repository, digest } = result.image;
      const [from, ms] = [desk.now(), runTime(desk.pod, spec, run)];
      const end = play(spec);
      desk.know(textAt(spec, 'name'), {
        is: 'started',
        image,
        imageId: `${repository}@${digest}`,
        from,
        to: from + ms,
        ...(end && { end }),
      });
      if (ms !== Infinity) desk.later(ms, desk.post);
      events.started(path);
      return undefined;
    },
  };
};
