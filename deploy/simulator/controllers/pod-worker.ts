import { type JsonObject, numberAt, textAt } from '../json.ts';
import { pods } from '../api/kinds/pod.ts';
import type { KubeObject } from '../api/kube-object.ts';
import type { Timings } from '../timings.ts';
import type { World } from './controller.ts';
import { type ImageUser, imageUsers, type ImageStore, type End } from './image-store.ts';
import { type PodStatusBuffer, podStatusBuffer } from './pod-status.ts';
import { type PodEvents, podEvents } from './pod-events.ts';
import { type Failure, type PodPulls, containerPath, podPulls } from './pod-pulls.ts';
import { specsOf, unseen } from './pod-record.ts';

/** One pod in the hands of its kubelet. */
export type PodWorker = {
  /** Ends it, as soon as its pull has ended, and takes it out of the API. */
  readonly terminate: () => void;
  /** Forgets it: nothing more is said of it. */
  readonly stop: () => void;
};

type Work = {
  readonly desk: PodStatusBuffer;
  readonly pulls: PodPulls;
  readonly events: PodEvents;
  readonly timings: Timings;
  /** What is still to be done when a pass over the images is over. */
  readonly passed: () => void;
};

const longestBackOff = 300_000;

/** One pass over what has not started: nothing of it is seen until it is over. */
const pass = async ({ desk, pulls, passed }: Work, specs: readonly JsonObject[]): Promise<readonly Failure[]> => {
  const failures = await desk.quietly(async () => {
    await pulls.mount();
    const found: Failure[] = [];
    for (const spec of specs) {
      const failure = await pulls.start(spec);
      if (failure === undefined) continue;
      desk.know(textAt(spec, 'name'), { is: 'waiting', reason: failure.reason, message: failure.message });
      found.push(failure);
    }
    return found;
  });
  passed();
  return failures;
};

const backOff = ({ desk, events }: Work, { spec, reference, reason, message }: Failure): void => {
  if (reason !== 'ErrImagePull') return;
  const waiting = `Back-off pulling image "${reference}": ErrImagePull: ${message}`;
  desk.know(textAt(spec, 'name'), { is: 'waiting', reason: 'ImagePullBackOff', message: waiting });
  events.backingOff(reference, containerPath(desk.pod, spec));
};

/** Passes until all have started, with the back-off between them. */
const startAll = async (work: Work, specs: readonly JsonObject[]): Promise<void> => {
  const { desk, timings } = work;
  let failures = await pass(work, specs);
  for (let wait = timings.backOff; failures.length > 0; wait = Math.min(longestBackOff, wait * 2)) {
    await desk.pause(timings.backOff);
    for (const failure of failures) backOff(work, failure);
    desk.post();
    await desk.pause(wait);
    failures = await pass(
      work,
      failures.map(({ spec }) => spec),
    );
  }
};

/** Waits until containers have ended; for ever where one does not. */
const allEnded = async ({ desk }: Work, specs: readonly JsonObject[]): Promise<void> => {
  const ends = specs
    .map((spec) => desk.known(textAt(spec, 'name')))
    .map((known) => (known?.is === 'started' ? known.to : 0));
  const last = Math.max(0, ...ends);
  if (last === Infinity) return new Promise(() => undefined);
  await desk.pause(Math.max(0, last - desk.now()));
  desk.post();
};

/** What is left of containers that are stopped from outside. */
const killAll = (desk: PodStatusBuffer): void => {
  for (const name of specsOf(desk.pod, 'containers').map((spec) => textAt(spec, 'name'))) {
    const known = desk.known(name) ?? unseen(desk.pod);
    if (known.is === 'waiting') desk.know(name, { is: 'killed', reason: 'ContainerStatusUnknown', at: desk.now() });
    if (known.is === 'started' && known.to > desk.now())
      desk.know(name, { is: 'killed', reason: 'Error', at: desk.now() });
  }
  desk.change({ isSettled: true });
  desk.post();
  desk.close();
};

const late = {
  reason: 'DeadlineExceeded',
  message: 'Pod was active on the node longer than the specified deadline',
} as const;

/** Enforces the deadline of the Pod; a kubelet does not check it while it pulls. */
const keepDeadline = (desk: PodStatusBuffer): void => {
  const deadline = numberAt(desk.pod, 'spec', 'activeDeadlineSeconds');
  const overdue = (): void => {
    if (desk.isQuiet()) {
      desk.later(500, overdue);
      return;
    }
    desk.change({ stopped: late });
    killAll(desk);
  };
  if (deadline !== undefined) desk.later(deadline * 1000, overdue);
};

const run = async (work: Work): Promise<void> => {
  const { desk, pulls, timings } = work;
  desk.post();
  keepDeadline(desk);
  await desk.quietly(pulls.mount);
  await desk.pause(timings.sandbox);
  desk.change({ hasSandbox: true });
  desk.post();
  for (const spec of specsOf(desk.pod, 'initContainers')) {
    await startAll(work, [spec]);
    await allEnded(work, [spec]);
  }
  await startAll(work, specsOf(desk.pod, 'containers'));
  await allEnded(work, specsOf(desk.pod, 'containers'));
  await desk.pause(timings.settle);
  desk.change({ isSettled: true });
  desk.post();
  desk.close();
};

export type Place = {
  readonly world: World;
  readonly images: ImageStore;
  readonly node: string;
  readonly hostIp: string;
  readonly podIp: string;
};

/** Runs a pod from its assignment to its end. */
export const startPod = (pod: KubeObject, { world, images, node, hostIp, podIp }: Place): PodWorker => {
  const { operations, timings } = world;
  const desk = podStatusBuffer(world, pod, { hostIp, podIp });
  const events = podEvents(operations, pod, node);
  let isTerminating = false;
  const finish = (): void => {
    killAll(desk);
    operations.remove(pods, pod, { gracePeriodSeconds: 0 });
  };
  const users = (): readonly ImageUser[] => imageUsers(operations.list(pods), node);
  const play = (container: JsonObject): End | undefined => world.program?.(container, { ...images, users });
  const pulls = podPulls(desk, images, { events, run: timings.run, play });
  const passed = (): void => (isTerminating ? finish() : desk.post());
  run({ desk, pulls, events, timings, passed }).catch((error: unknown) =>
    world.failed(`pod ${textAt(pod, 'metadata', 'name')}`, error),
  );
  return {
    terminate: () => {
      if (isTerminating || desk.isClosed()) return;
      isTerminating = true;
      if (!desk.isQuiet()) desk.later(100, finish);
    },
    stop: desk.close,
  };
};
