import * as z from 'zod/mini';
import { createApi } from '#runtime/api/create-api.ts';
import { kube, type Kube } from '../behaviour/kube.ts';
import { playScenario, addInitialNodes } from './play-scenario.ts';
import { startBroker } from './broker.ts';
import { seededRandom } from './seeded-random.ts';
import { endStateOf, waitingForTick, type EndState } from './end-state.ts';
import { runRecord, type RunRecord } from './run-record.ts';
import { addressOf, brokerPort, profiles, programs, type Profile } from './processes.ts';
import { scenarioOf } from './scenario.ts';
import { runChaos } from './run-chaos.ts';
import { supervisor } from './supervisor.ts';
import { apiPort, logs, onVirtualCluster, secondsSince, tickTo, type VirtualCluster } from './virtual-cluster.ts';
import type { Owner, VirtualTime } from './virtual-time.ts';

export type SimulatorRun = {
  readonly profile: Profile;
  /** The end state after each tick that followed the chaos; there is a second only if the first was not enough. */
  readonly endStates: readonly EndState[];
  /** Whether the second was legitimate, as a refresh had to wait for the round that the first started, or an image was to be kept. */
  readonly isPaced: boolean;
  readonly record: RunRecord;
  /** Duration in virtual time. */
  readonly seconds: number;
};

/** Milliseconds without changes. After chaos this exceeds the time in which a silent connection is detected (150 s). */
const quiet = { usual: 60_000, afterChaos: 210_000 } as const;

export type RunOptions = {
  readonly isChaotic: boolean;
  /** Whether an end state is the expected one. */
  readonly isEnough: (endState: EndState) => boolean;
  /** Receives a line for everything that happens. */
  readonly log?: (line: string) => void;
  /** The prefix of node names, by default `chaos`. */
  readonly prefix?: string;
};

/** Plays a seed's scenario on a simulator in virtual time, with or without chaos, and returns the end state. */
export function runOnSimulator(seed: number, options: RunOptions): Promise<SimulatorRun> {
  const { prefix = 'chaos', log: listener } = options;
  return onVirtualCluster(seed, listener, (cluster) => play({ ...options, ...cluster, prefix, seed, listener }));
}

type Stage = VirtualCluster & {
  readonly seed: number;
  readonly prefix: string;
  readonly isChaotic: boolean;
  readonly isEnough: RunOptions['isEnough'];
  readonly listener: RunOptions['log'];
};

async function play(stage: Stage): Promise<SimulatorRun> {
  const { seed, prefix, isChaotic, isEnough, time, network, log, kubeconfig } = stage;
  const user: Owner = { name: 'user', isDead: false };
  const through = <T>(work: () => Promise<T>): Promise<T> => time.through(time.as(user, work));
  const record = runRecord(log);
  const supervised = supervisor({ time, network, log, chance: seededRandom(seed, 'supervisor') });
  const chaos = runChaos({ ...stage, apiPort, supervised, record });
  await stage.start();
  const api = createApi({ kubeconfig, master: '', inCluster: false });
  const verbs = kube(api, 'default');
  const scenario = scenarioOf(prefix, seed);
  const profile = isChaotic ? seededRandom(seed, 'profile').pick(profiles) : 'standalone';
  const tick = (): Promise<void> => tickTo(profile, log);

  supervised.start(
    programs(profile, {
      ...{ kubeconfig, log: logs(stage.listener), hasLease: seededRandom(seed, 'lease').is(0.3) },
      flags: scenario.flags,
    }),
  );
  if (profile === 'broker')
    time.as(user, () =>
      startBroker({
        ...{ port: brokerPort, addressOf: (name) => addressOf(profile, name), chance: seededRandom(seed, 'broker') },
        ...{ deliveryFaults: chaos.deliveryFaults, pace: 1 },
      }),
    );
  await through(() => addInitialNodes(scenario, verbs, prefix));
  if (isChaotic) chaos.begin();
  const heart = time.as(user, () => setInterval(() => void tick(), 60_000));
  await through(() => playScenario(scenario, verbs, { prefix, pace: 1 }));
  if (isChaotic) await time.pass(seededRandom(seed, 'length').between(0, 40_000));
  clearInterval(heart);
  chaos.end();
  log('the chaos is over');
  const rested = (silence: number): Promise<void> => rest(time, silence, () => through(() => versions(verbs)));
  await rested(isChaotic ? quiet.afterChaos : quiet.usual);
  const afterTick = async (): Promise<EndState> => {
    await through(tick);
    await rested(quiet.usual);
    return through(() => endStateOf(scenario, verbs, prefix));
  };
  const endStates = [await afterTick()];
  const isPaced = (await through(() => waitingForTick(verbs))).length > 0;
  if (isPaced || !endStates.every(isEnough)) endStates.push(await afterTick());
  api.close();
  return { profile, endStates, isPaced, record, seconds: secondsSince(time) };
}

/** Waits until nothing has changed for a while. */
async function rest(time: VirtualTime, silence: number, look: () => Promise<string>): Promise<void> {
  let [last, since] = [await look(), time.now()];
  for (const end = time.now() + 3_600_000; time.now() < end;) {
    await time.pass(30_000);
    const now = await look();
    if (now !== last) [last, since] = [now, time.now()];
    if (time.now() - since >= silence) return;
  }
  throw new Error('it never comes to rest');
}

async function versions(verbs: Kube): Promise<string> {
  const lists = await Promise.all((['ImageCache', 'Job', 'Pod'] as const).map((kind) => verbs.list(kind)));
  return JSON.stringify(lists.flat().map((object) => versioned.parse(object).metadata));
}

const versioned = z.object({ metadata: z.object({ uid: z.string(), resourceVersion: z.string() }) });
