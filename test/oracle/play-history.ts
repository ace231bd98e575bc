import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import { ApiError, isConflict, isNotFound } from '#runtime/errors.ts';
import type { Manifest } from '../behaviour/kube.ts';
import { parseCache, parseEvent, parseJob, parsePod, type ObservedPod } from '../behaviour/observed.ts';
import { latePulls } from '../chaos/late-pulls.ts';
import { seenCache, seenNode, type Ending } from './ending.ts';
import { registry, type Action, type History, type Spec, type Step } from './history.ts';
import { recorder, type Recorder } from './recorder.ts';
import { changes, settle, versions } from './settle.ts';
import type { Stage } from './stage.ts';

const annotations = {
  refresh: 'kubefledged.io/refresh-imagecache',
  purge: 'kubefledged.io/purge-imagecache',
  refreshToken: 'kubefledged.io/refresh-requested-at',
  purgeToken: 'kubefledged.io/purge-requested-at',
} as const;

/** Plays a history and returns its end, after everything has settled. */
export async function playHistory({ nodes, steps }: History, stage: Stage): Promise<Ending> {
  const record = recorder(stage);
  for (const { name, zone } of nodes) await stage.join(name, zone);
  for (const [number, step] of steps.entries()) await play(step, number, { stage, record });
  await stage.start();
  const isSettled = await settle(stage, stage.pace.quiet);
  return { ...(await endingOf(stage, record)), isSettled };
}

type Play = { readonly stage: Stage; readonly record: Recorder };

async function play(step: Step, number: number, { stage, record }: Play): Promise<void> {
  const { after } = step;
  if (after === 'settled') await settle(stage, stage.pace.calm);
  else if (after > 0) await pause(after * stage.pace.factor);
  const isDone = await isAccepted(async () => {
    await record.before(step);
    await carryOut(step, number, stage);
  });
  if (isDone) await record.done(step, number);
}

/** Whether the API server takes it: what names an object that does not exist, or exists already, is no step. */
async function isAccepted(act: () => Promise<void>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    const isForbidden = error instanceof ApiError && error.status === 403;
    if (isNotFound(error) || isConflict(error) || isForbidden) return false;
    throw error;
  }
}

async function carryOut(action: Action, number: number, stage: Stage): Promise<void> {
  const { kube, users } = stage;
  switch (action.type) {
    case 'create':
      await kube.create('ImageCache', action.cache, { spec: specOf(action.spec, stage) });
      return;
    case 'edit':
      await kube.patch('ImageCache', action.cache, { spec: { ...unset, ...specOf(action.spec, stage) } });
      return;
    case 'suspend':
      await kube.patch('ImageCache', action.cache, { spec: { suspend: action.is } });
      return;
    case 'refresh':
    case 'purge':
    case 'purge and refresh': {
      const names = action.type === 'purge and refresh' ? (['purge', 'refresh'] as const) : ([action.type] as const);
      const value = action.by === 'token' ? `step-${number}` : '';
      const keys = names.map((name) => annotations[action.by === 'token' ? (`${name}Token` as const) : name]);
      const given = Object.fromEntries(keys.map((key) => [key, value]));
      await kube.patch('ImageCache', action.cache, { metadata: { annotations: given } });
      return;
    }
    case 'delete':
      return kube.remove('ImageCache', action.cache);
    case 'join':
      return stage.join(action.node, action.zone);
    case 'leave':
      return stage.leave(action.node);
    case 'label':
      await kube.patch('Node', stage.node(action.node), { metadata: { labels: stage.selector(action.zone) } });
      return;
    case 'cordon':
      await kube.patch('Node', stage.node(action.node), { spec: { unschedulable: action.is } });
      return;
    case 'opt out': {
      const labels = { 'kubefledged.io/skip': action.is ? 'true' : null };
      await kube.patch('Node', stage.node(action.node), { metadata: { labels } });
      return;
    }
    case 'taint':
      return taint(stage, action);
    case 'pressure':
      return stage.report(action.node, 'DiskPressure', action.is ? 'True' : 'False');
    case 'not ready':
      return stage.report(action.node, 'Ready', action.is ? 'False' : 'True');
    case 'use':
      await users.create('Pod', action.pod, userPod(stage.node(action.node), stage.image(action.image)));
      return;
    case 'release':
      return users.remove('Pod', action.pod);
    case 'take away':
      return stage.takeAway(action.node, action.image);
    case 'lose jobs':
      for (const { metadata } of (await kube.list('Job')).map(parseJob)) await kube.remove('Job', metadata.name);
      return;
    case 'quota':
      if (!action.is) return kube.remove('ResourceQuota', 'quota');
      await kube.create('ResourceQuota', 'quota', { spec: { hard: { pods: '0' } } });
      return;
    case 'outage':
      return action.is ? stage.kill() : stage.start();
  }
}

const ownTaint = { key: 'example.com/own', effect: 'NoSchedule' } as const;

/** The taints that Kubernetes sets by itself stay. */
async function taint({ kube, node }: Stage, { node: name, is }: { node: string; is: boolean }): Promise<void> {
  const object = await kube.get('Node', node(name));
  if (object === undefined) return;
  const others = tainted.parse(object).spec.taints.filter(({ key }) => key !== ownTaint.key);
  await kube.patch('Node', node(name), { spec: { taints: is ? [...others, ownTaint] : others } });
}

const tainted = z.object({
  spec: z.prefault(z.object({ taints: z._default(z.array(z.looseObject({ key: z.string() })), []) }), {}),
});

/** What an edit leaves out of a spec. */
const unset = {
  deletionPolicy: null,
  unschedulable: null,
  jobRetentionPolicy: null,
  maxConcurrentNodes: null,
  rollout: null,
  pullDeadlineSeconds: null,
  imagePullPolicy: null,
  tolerations: null,
} as const;

function specOf({ lists, isIntolerant, ...rest }: Spec, stage: Stage): object {
  const cacheSpec = lists.map(({ images, zone }) => ({
    images: images.map(stage.image),
    nodeSelector: stage.selector(zone),
  }));
  return { ...rest, cacheSpec, ...(isIntolerant === true ? { tolerations: [] } : {}) };
}

/** A Pod of a user that runs until it is deleted. */
const userPod = (nodeName: string, image: string): Manifest => ({
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'main', image, imagePullPolicy: 'IfNotPresent', args: ['3600s'] }],
  },
});

async function endingOf(stage: Stage, record: Recorder): Promise<Omit<Ending, 'isSettled'>> {
  const { kube } = stage;
  const before = await versions(kube);
  await stage.tick();
  await pause(stage.pace.quiet);
  const changedWhenIdle = changes(before, await versions(kube));
  const events = await kube.list('Event');
  const names = (await kube.list('Node', selectorText(stage))).map((object) => seenNode(object, []).name);
  const nodes = await Promise.all(
    names.map(async (name) => seenNode(await kube.get('Node', name), await stage.imagesOn(name))),
  );
  const pods = (await kube.list('Pod')).map(parsePod).filter(isOfProduct);
  return {
    caches: (await kube.list('ImageCache')).map((object) => seenCache(parseCache(object), stage.settings)),
    nodes,
    jobs: (await kube.list('Job')).map(parseJob),
    pods,
    warnings: events
      .map(parseEvent)
      .filter(({ type, involvedObject }) => type === 'Warning' && involvedObject.kind === 'ImageCache')
      .map(({ involvedObject, message }) => ({ cache: involvedObject.uid, message })),
    record: await record.read(),
    changedWhenIdle,
    writes: stage.writes(),
    complaints: stage.complaints(),
    late: new Set(latePulls(events)),
    pulls: pullTimes(events),
    pullsPerHour: stage.pullsPerHour,
  };
}

/** The first pull of each image by each Pod, from the Events of kubelets: a kubelet that tries again does so by itself. */
function pullTimes(events: readonly unknown[]): readonly number[] {
  return events
    .map((each) => pull.parse(each))
    .filter(({ reason, message }) => reason === 'Pulling' && message.startsWith(`Pulling image "${registry}/`))
    .map(({ firstTimestamp }) => Date.parse(firstTimestamp ?? ''));
}

const pull = z.object({
  reason: z._default(z.string(), ''),
  message: z._default(z.string(), ''),
  firstTimestamp: z.optional(z.nullable(z.string())), // null in Events of events.k8s.io
});

const isOfProduct = ({ metadata }: ObservedPod): boolean => metadata.labels['app'] === 'kubefledged';

const selectorText = (stage: Stage): string =>
  Object.entries(stage.selector())
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
