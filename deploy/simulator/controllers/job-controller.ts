import { isDeepStrictEqual } from 'node:util';
import { type JsonObject, objectAt } from '../json.ts';
import { jobs } from '../api/kinds/job.ts';
import { pods } from '../api/kinds/pod.ts';
import {
  type KubeObject,
  finalizersOf,
  isTerminating,
  nameOf,
  namespaceOf,
  ownersOf,
  uidOf,
  withMetadata,
} from '../api/kube-object.ts';
import { StatusError } from '../api/status-error.ts';
import { type Controller, type World, subscribe, keyOf, splitKey, objectIndex, createQueue } from './controller.ts';
import { type JobEvent, isPodOf, jobFinalizer, jobStep } from './job-transition.ts';

const podOf = (job: KubeObject): JsonObject => {
  const template = objectAt(job, 'spec', 'template');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...objectAt(template, 'metadata'),
      generateName: `${nameOf(job)}-`,
      finalizers: [jobFinalizer],
      ownerReferences: [
        {
          apiVersion: 'batch/v1',
          kind: 'Job',
          name: nameOf(job),
          uid: uidOf(job),
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    spec: objectAt(template, 'spec'),
  };
};

const without = (pod: KubeObject): KubeObject =>
  withMetadata(pod, { finalizers: finalizersOf(pod).filter((one) => one !== jobFinalizer) });

const tell = ({ operations }: World, job: KubeObject, event: JobEvent): void =>
  operations.recordEvent({ ...event, about: job, component: 'job-controller' });

/** Creates the missing Pods, and returns how many were refused; the reason is recorded as an Event. */
const createPods = (world: World, job: KubeObject, count: number): number => {
  for (let made = 0; made < count; made += 1)
    try {
      const pod = world.operations.create(pods, namespaceOf(job), podOf(job));
      tell(world, job, { type: 'Normal', reason: 'SuccessfulCreate', message: `Created pod: ${nameOf(pod)}` });
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      tell(world, job, { type: 'Warning', reason: 'FailedCreate', message: `Error creating: ${error.message}` });
      return count - made;
    }
  return 0;
};

/** Runs Jobs as the real controller does. */
export const jobController: Controller = (world) => {
  const { core, operations, timings } = world;
  const refusals = new Map<string, number>();
  const byOwner = objectIndex(core, pods, (pod) => ownersOf(pod).map(({ uid }) => uid));
  const podsOf = (job: KubeObject): readonly KubeObject[] => byOwner.of(uidOf(job)).filter(isPodOf(job));
  const carryOut = (job: KubeObject, key: string): void => {
    const mine = podsOf(job);
    const step = jobStep(job, mine, core.clock.now());
    if (step.isExpired) {
      operations.remove(jobs, job, { propagationPolicy: 'Background', uid: uidOf(job) });
      return;
    }
    for (const pod of step.remove) operations.remove(pods, pod);
    const refused = createPods(world, job, step.create);
    const active = Number(step.status['active'] ?? 0) - refused;
    const status = refused === 0 ? step.status : { ...step.status, active: active > 0 ? active : undefined };
    const reported = Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined));
    if (!isDeepStrictEqual(reported, objectAt(job, 'status')))
      operations.update(jobs, job, (current) => ({ ...current, status: reported }), 'status');
    for (const pod of step.release) operations.update(pods, pod, without);
    for (const event of step.events) tell(world, job, event);
    if (step.again !== undefined) queue.add(key, step.again);
    const tries = refused === 0 ? 0 : (refusals.get(key) ?? 0) + 1;
    refusals.set(key, tries);
    if (tries > 0) queue.add(key, Math.min(60_000, 1_000 * 2 ** (tries - 1)));
  };
  const look = (key: string): void => {
    const job = operations.find(jobs, ...splitKey(key));
    if (job === undefined) refusals.delete(key);
    else if (!isTerminating(job)) carryOut(job, key);
    // Pods of a Job that is being deleted are not counted.
    else for (const pod of podsOf(job)) operations.update(pods, pod, without);
  };
  const queue = createQueue(core.clock, look, (key, error) => world.failed(`job ${key}`, error));
  const strays = createQueue(
    core.clock,
    (key) => {
      const pod = operations.find(pods, ...splitKey(key));
      const owner = pod && ownersOf(pod).find(({ kind, controller }) => kind === 'Job' && controller);
      const job = pod && owner && operations.find(jobs, namespaceOf(pod), owner.name);
      if (pod !== undefined && (job === undefined || uidOf(job) !== owner?.uid)) operations.update(pods, pod, without);
    },
    (key, error) => world.failed(`pod ${key}`, error),
  );
  const stops = [
    subscribe(core, jobs, (job) => queue.add(keyOf(job))),
    subscribe(core, pods, (pod, change) => {
      const owner = ownersOf(pod).find(({ kind, controller }) => kind === 'Job' && controller);
      if (owner === undefined) return;
      const isGoing = isTerminating(pod) || change?.type === 'DELETED';
      queue.add(`${namespaceOf(pod)}/${owner.name}`, isGoing ? 0 : timings.jobSync);
      if (finalizersOf(pod).includes(jobFinalizer)) strays.add(keyOf(pod));
    }),
  ];
  return () => {
    for (const stop of stops) stop();
    byOwner.stop();
    queue.stop();
    strays.stop();
  };
};
