import { isDeepStrictEqual } from 'node:util';
import { type JsonObject, at, isObject, listAt, numberAt, textAt } from '../json.ts';
import { pods } from '../api/kinds/pod.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { World } from './controller.ts';
import type { ImageStore, PullResult } from './image-store.ts';
import { podEvents } from './pod-events.ts';
import { type ContainerRecord, type PodRecord, reported, specsOf, statesOf, unseen } from './pod-record.ts';

/** One pod in the hands of its kubelet. */
export type PodWorker = {
  /** Ends it, as far as a pull that hangs lets go, and takes it out of the API. */
  readonly terminate: () => void;
  /** Forgets it: nothing more is said of it. */
  readonly stop: () => void;
};

type Place = {
  readonly world: World;
  readonly images: ImageStore;
  readonly pod: KubeObject;
  readonly node: string;
  readonly hostIp: string;
  readonly podIp: string;
};

/** How long a container runs: one that sleeps as long as it says, one that is to be restarted for ever. */
const runTime = (pod: KubeObject, spec: JsonObject, usual: number): number => {
  if (textAt(pod, 'spec', 'restartPolicy') === 'Always' && specsOf(pod, 'containers').includes(spec)) return Infinity;
  const words = [...listAt(spec, 'command'), ...listAt(spec, 'args')].map(String).join(' ');
  const [, seconds] = /\bsleep (\d+)\b/.exec(words) ?? [];
  return seconds === undefined ? usual : Number(seconds) * 1000;
};

const refusalOf = (
  reference: string,
  reason: string,
  message: string,
): { readonly reason: string; readonly message: string } =>
  reason === 'ErrImagePull'
    ? { reason: 'ImagePullBackOff', message: `Back-off pulling image "${reference}": ErrImagePull: ${message}` }
    : { reason, message };

/** The image volumes that a container mounts: name and reference. */
const imageVolumes = (pod: KubeObject): ReadonlyMap<string, JsonObject> =>
  new Map(
    listAt(pod, 'spec', 'volumes')
      .filter(isObject)
      .flatMap((volume) => (isObject(volume['image']) ? [[textAt(volume, 'name'), volume['image']]] : [])),
  );

/** Runs a pod from its assignment to its end. */
export const startPod = ({ world, images, pod, node, hostIp, podIp }: Place): PodWorker => {
  const { core, acts, timings } = world;
  const { clock } = core;
  const events = podEvents(acts, pod, node);
  const records = new Map<string, ContainerRecord>();
  const volumes = imageVolumes(pod);
  const mounted = new Map<string, PullResult>();
  const cancels = new Set<() => void>();
  let record: PodRecord = {
    containers: records,
    hasSandbox: false,
    isSettled: false,
    started: clock.now(),
    hostIp,
    podIp,
  };
  let isStopped = false;
  let isPulling = false;
  let isTerminating = false;

  const later = (ms: number, run: () => void): void => {
    const cancel = clock.after(ms, () => {
      cancels.delete(cancel);
      if (!isStopped) run();
    });
    cancels.add(cancel);
  };
  const pause = (ms: number): Promise<void> => new Promise((resolve) => later(ms, resolve));
  const stop = (): void => {
    isStopped = true;
    for (const cancel of cancels) cancel();
    cancels.clear();
  };
  const post = (): void => {
    if (isStopped || isPulling) return;
    acts.update(
      pods,
      pod,
      (current) => {
        const next = reported(current, record, clock.now());
        return isDeepStrictEqual(next, current) ? current : next;
      },
      'status',
    );
  };
  const pull = (reference: string, policy: string, path: string): Promise<PullResult> =>
    new Promise((resolve) => {
      images.pull(
        reference,
        policy,
        () => events.pulling(reference, path),
        (result) => {
          if (isStopped) return;
          events.pulled(reference, path, result);
          resolve(result);
        },
      );
    });
  const pathOf = (spec: JsonObject): string =>
    `spec.${specsOf(pod, 'containers').includes(spec) ? 'containers' : 'initContainers'}{${textAt(spec, 'name')}}`;

  const mountAll = async (): Promise<void> => {
    for (const [name, image] of volumes)
      if (mounted.get(name)?.is === undefined || mounted.get(name)?.is === 'failed')
        mounted.set(name, await pull(textAt(image, 'reference'), textAt(image, 'pullPolicy'), ''));
  };
  const brokenVolume = (spec: JsonObject): { readonly reference: string; readonly result: PullResult } | undefined => {
    for (const mount of listAt(spec, 'volumeMounts')) {
      const result = mounted.get(textAt(mount, 'name'));
      if (result?.is === 'failed')
        return { reference: textAt(volumes.get(textAt(mount, 'name')), 'reference'), result };
    }
    return undefined;
  };
  const start = async (spec: JsonObject): Promise<{ readonly reference: string; readonly result: PullResult }> => {
    const broken = brokenVolume(spec);
    if (broken !== undefined) return broken;
    const reference = textAt(spec, 'image');
    const result = await pull(reference, textAt(spec, 'imagePullPolicy'), pathOf(spec));
    if (result.is !== 'failed') {
      const from = clock.now();
      const { name: image, repository, digest } = result.image;
      const to = from + runTime(pod, spec, timings.run);
      records.set(textAt(spec, 'name'), { is: 'started', image, imageId: `${repository}@${digest}`, from, to });
      if (to !== Infinity) later(to - from, post);
      events.started(pathOf(spec));
    }
    return { reference, result };
  };
  /** One pass over what has not started: nothing of it is seen until it is over. */
  const pass = async (
    specs: readonly JsonObject[],
  ): Promise<
    readonly {
      readonly spec: JsonObject;
      readonly reference: string;
      readonly reason: string;
      readonly message: string;
    }[]
  > => {
    isPulling = true;
    await mountAll();
    const failed = [];
    for (const spec of specs) {
      const { reference, result } = await start(spec);
      if (result.is !== 'failed') continue;
      const { reason, message } = result;
      records.set(textAt(spec, 'name'), { is: 'waiting', reason, message });
      failed.push({ spec, reference, reason, message });
    }
    isPulling = false;
    if (isTerminating) finish();
    else post();
    return failed;
  };
  /** Passes until all have started, with the back-off between them. */
  const startAll = async (specs: readonly JsonObject[]): Promise<void> => {
    let failed = await pass(specs);
    for (let wait = timings.backOff; failed.length > 0; wait = Math.min(300_000, wait * 2)) {
      await pause(timings.backOff);
      for (const { spec, reference, reason, message } of failed) {
        records.set(textAt(spec, 'name'), { is: 'waiting', ...refusalOf(reference, reason, message) });
        if (reason === 'ErrImagePull') events.backingOff(reference, pathOf(spec));
      }
      post();
      await pause(wait);
      failed = await pass(failed.map(({ spec }) => spec));
    }
  };
  const ended = async (specs: readonly JsonObject[]): Promise<void> => {
    for (const spec of specs) {
      const known = records.get(textAt(spec, 'name'));
      if (known?.is !== 'started') continue;
      if (known.to === Infinity) return new Promise(() => undefined);
      await pause(Math.max(0, known.to - clock.now()));
      post();
    }
  };
  const finish = (): void => {
    const now = clock.now();
    for (const spec of specsOf(pod, 'containers')) {
      const known = records.get(textAt(spec, 'name')) ?? unseen(pod);
      if (known.is === 'waiting')
        records.set(textAt(spec, 'name'), { is: 'killed', reason: 'ContainerStatusUnknown', at: now });
      else if (known.is === 'started' && known.to > now)
        records.set(textAt(spec, 'name'), { is: 'killed', reason: 'Error', at: now });
    }
    record = { ...record, isSettled: true };
    post();
    stop();
    if (isTerminating) acts.remove(pods, pod, { gracePeriodSeconds: 0 });
  };
  const keepDeadline = (): void => {
    const deadline = numberAt(pod, 'spec', 'activeDeadlineSeconds');
    if (deadline === undefined) return;
    const overdue = (): void => {
      // A kubelet that pulls does not look at deadlines.
      if (isPulling) {
        later(500, overdue);
        return;
      }
      record = {
        ...record,
        stopped: {
          reason: 'DeadlineExceeded',
          message: 'Pod was active on the node longer than the specified deadline',
        },
      };
      finish();
    };
    later(deadline * 1000, overdue);
  };
  const run = async (): Promise<void> => {
    post();
    keepDeadline();
    await mountFirst();
    await pause(timings.sandbox);
    record = { ...record, hasSandbox: true };
    post();
    for (const spec of specsOf(pod, 'initContainers')) {
      await startAll([spec]);
      await ended([spec]);
    }
    await startAll(specsOf(pod, 'containers'));
    await ended(specsOf(pod, 'containers'));
    if (statesOf(pod, record, clock.now()).some(({ is }) => is !== 'ended')) return;
    await pause(timings.settle);
    record = { ...record, isSettled: true };
    post();
    stop();
  };
  const mountFirst = async (): Promise<void> => {
    isPulling = true;
    await mountAll();
    isPulling = false;
  };
  run().catch((error: unknown) => world.failed(`pod ${textAt(pod, 'metadata', 'name')}`, error));
  return {
    terminate: () => {
      if (isTerminating || isStopped) return;
      isTerminating = true;
      if (!isPulling) later(100, finish);
    },
    stop,
  };
};

export const isAssignedTo = (pod: KubeObject, node: string): boolean => textAt(pod, 'spec', 'nodeName') === node;
export const graceOf = (pod: KubeObject): number => Number(at(pod, 'metadata', 'deletionGracePeriodSeconds') ?? 0);
