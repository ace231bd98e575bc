import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import type { Credentials } from '#runtime/api/pod-credentials.ts';
import { kube, type Kube } from '../../behaviour/kube.ts';
import { scopingProxy } from '../../behaviour/scoping-proxy.ts';
import { parseCache } from '../../behaviour/observed.ts';
import { playScenario, addInitialNodes } from '../play-scenario.ts';
import { seededRandom } from '../seeded-random.ts';
import { runRecord, type RunRecord } from '../run-record.ts';
import type { EndState } from '../end-state.ts';
import type { SeedResult } from '../run-seed.ts';
import { scenarioOf, type Scenario } from '../scenario.ts';
import { tick, compareEndState } from './compare-end-state.ts';
import { startProduct, type ChaoticProduct, type Programs } from './product.ts';
import { activeFaults, type ActiveFaults } from './active-faults.ts';

export type RealPlace = {
  readonly api: Api;
  readonly credentials: Credentials;
  readonly kubeconfig: string;
  readonly programs: Programs;
};

export type RealRun = {
  readonly seed: number;
  /** The end state without chaos. */
  readonly expected: Promise<EndState>;
  /** Called after the setup. */
  readonly ready: () => void;
  /** The earliest end of the chaos. */
  readonly chaos: Promise<void>;
  readonly log: (line: string) => void;
};

/** The factor of all pauses and delays, as time is real here. */
const pace = 0.15;

/** Milliseconds between two ticks during the scenario. */
const heartbeat = 5_000;

/** Milliseconds after which the rest of a scenario runs without chaos. */
const longestChaos = 30_000;

/** Plays a seed's scenario under chaos, in its own namespace and on its own nodes, and compares the end state with the one without. */
export async function runRealSeed(place: RealPlace, run: RealRun): Promise<SeedResult> {
  const { seed, log } = run;
  const prefix = `chaos-${seed}`;
  const namespace = `${prefix}-${Date.now().toString(36)}`;
  const verbs = kube(place.api, namespace);
  const scenario = scenarioOf(prefix, seed);
  const [record, faults] = [runRecord(log), activeFaults(seed)];
  await removeLeftovers(verbs, prefix);
  await verbs.create('Namespace', namespace);
  const proxy = await scopingProxy(place.credentials, namespace);
  await addInitialNodes(scenario, verbs, prefix);
  const product = await startProduct({
    ...place,
    api: proxy.url,
    seed,
    flags: scenario.flags,
    namespace,
    pool: prefix,
    record,
    log,
    pace,
    faults,
  });
  try {
    await runChaos({ scenario, verbs, prefix, record, faults, product, run });
    const expected = await run.expected;
    const wrong = await compareEndState({ scenario, verbs, prefix, product, expected });
    const counts = { requests: record.requests(), faults: record.faults() };
    return { seed, profile: product.profile, wrong, isLate: false, ...counts, trace: '' };
  } finally {
    product.stop();
    await proxy.close();
    await removeLeftovers(verbs, prefix);
    await verbs.remove('Namespace', namespace);
  }
}

type Stage = {
  readonly scenario: Scenario;
  readonly verbs: Kube;
  readonly prefix: string;
  readonly record: RunRecord;
  readonly faults: ActiveFaults;
  readonly product: ChaoticProduct;
  readonly run: RealRun;
};

async function runChaos({ scenario, verbs, prefix, record, faults, product, run }: Stage): Promise<void> {
  const { seed, log } = run;
  faults.begin();
  run.ready();
  log(`fault rates: ${JSON.stringify({ ...faults.rates, ...faults.deliveryFaults() })}`);
  const outages = Array.from({ length: faults.rates.restarts }, () =>
    setTimeout(
      () => {
        record.fault('API server out of reach');
        const ms = faults.random.between(500, 10_000) * pace;
        for (const proxy of product.proxies) proxy.downFor(ms);
      },
      faults.random.between(1_000, 60_000) * pace,
    ),
  );
  const still = new AbortController();
  const heart = sendTicks(product, still.signal);
  const playing = playScenario(scenario, verbs, { prefix, pace });
  await Promise.all([Promise.race([playing, pause(longestChaos)]), run.chaos]);
  await pause(seededRandom(seed, 'length').between(0, 40_000) * pace);
  for (const outage of outages) clearTimeout(outage);
  faults.end();
  log('the chaos is over');
  await playing;
  still.abort();
  await heart;
  log('all is done');
}

/** Sends ticks one after another, as a scheduler does. */
async function sendTicks(product: ChaoticProduct, signal: AbortSignal): Promise<void> {
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    await pause(heartbeat);
    if (!isOver()) await tick(product, 1);
  }
}

/** Deletes the objects of a run, first the caches, as those that wait for a removal would block the deletion of their namespace. */
async function removeLeftovers(verbs: Kube, prefix: string): Promise<void> {
  for (const { metadata } of (await verbs.list('ImageCache')).map(parseCache))
    if (metadata.finalizers.length > 0)
      await verbs.patch('ImageCache', metadata.name, { metadata: { finalizers: null } });
  for (const { metadata } of (await verbs.list('Node', `pool=${prefix}`)).map((object) => named.parse(object)))
    await verbs.remove('Node', metadata.name);
}

const named = z.object({ metadata: z.object({ name: z.string() }) });
