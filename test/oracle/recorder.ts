import { parseCache, parsePod } from '../behaviour/observed.ts';
import { seenNode as nodeCondition } from '../behaviour/node-condition.ts';
import { type CacheLife, type HistoryRecord, type Request, seenCache } from './ending.ts';
import type { Spec, Step } from './history.ts';
import type { Stage } from './stage.ts';

/** Notes what was done, for the rules. */
export type Recorder = {
  /** Called before a step is carried out. */
  readonly before: (step: Step) => Promise<void>;
  /** Called after a step was carried out. */
  readonly done: (step: Step, number: number) => Promise<void>;
  readonly read: () => Promise<HistoryRecord>;
};

type Life = Omit<CacheLife, 'listed' | 'requests' | 'deletedWith'> & {
  readonly listed: Set<string>;
  readonly requests: Request[];
  deletedWith?: 'Retain' | 'Purge';
};

const purgeFinalizer = 'kubefledged.io/purge' as const;

export function recorder(stage: Stage): Recorder {
  const { kube, users } = stage;
  const lives = new Map<string, Life>();
  const used: HistoryRecord['used'][number][] = [];
  const takenAway: HistoryRecord['takenAway'][number][] = [];
  let steps = 0;
  let isObserved = false;

  const lifeOf = async (cache: string): Promise<Life | undefined> => {
    const object = await kube.get('ImageCache', cache);
    if (object === undefined) return undefined;
    const { metadata, status } = parseCache(object);
    const { uid } = metadata;
    isObserved = status.observedGeneration !== undefined;
    const life = lives.get(uid) ?? { name: cache, listed: new Set<string>(), requests: [] };
    lives.set(uid, life);
    return life;
  };

  const listed = (life: Life, { lists }: Spec): void => {
    for (const image of lists.flatMap(({ images }) => images)) life.listed.add(stage.image(image));
  };

  /** Without its finalizer, a cache is deleted before anybody could remove its images; set to Retain just before, it leaves them. */
  const deletion = async (cache: string, life: Life): Promise<void> => {
    const object = await kube.get('ImageCache', cache);
    if (object === undefined) return;
    const { metadata, spec } = seenCache(parseCache(object));
    const isPurged = spec.deletionPolicy === 'Purge' && metadata.finalizers.includes(purgeFinalizer);
    life.deletedWith = isPurged ? 'Purge' : 'Retain';
  };

  /** The image of a user's Pod that has started, on its machine. */
  const use = async (pod: string, isRunning: boolean): Promise<void> => {
    const object = await users.get('Pod', pod);
    if (object === undefined) return;
    const { spec, status } = parsePod(object);
    const hasStarted = status.containerStatuses.some(({ state }) => state.running !== undefined);
    const machine = await kube.get('Node', spec.nodeName);
    if (!hasStarted || machine === undefined) return;
    const { uid } = nodeCondition(machine).metadata;
    for (const { image } of spec.containers) used.push({ node: spec.nodeName, machine: uid, image, isRunning });
  };

  return {
    before: async (step) => {
      if (step.type === 'release') await use(step.pod, false);
      const life = 'cache' in step ? await lifeOf(step.cache) : undefined;
      if (step.type === 'delete' && life !== undefined) await deletion(step.cache, life);
    },
    done: async (step, number) => {
      steps += 1;
      if (step.type === 'take away')
        takenAway.push({
          ...{ step: number, node: stage.node(step.node), image: stage.image(step.image) },
          at: Date.now(),
        });
      if (!('cache' in step) || step.type === 'delete') return;
      const wasObserved = isObserved;
      const life = await lifeOf(step.cache);
      if (life === undefined) return;
      if ('spec' in step) listed(life, step.spec);
      // Set back to Retain, a cache that is being deleted leaves its images.
      if (step.type === 'edit' && life.deletedWith !== undefined && step.spec.deletionPolicy !== 'Purge')
        life.deletedWith = 'Retain';
      const type = step.type === 'suspend' && !step.is ? 'resume' : step.type;
      life.requests.push({ step: number, type, isSettled: step.after === 'settled', isObserved: wasObserved });
    },
    read: async () => {
      for (const object of await users.list('Pod')) await use(parsePod(object).metadata.name, true);
      return { steps, lives, used, takenAway, endedAt: Date.now() };
    },
  };
}
