import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import type { Credentials } from '#runtime/api/cluster-source.ts';
import { kube, type Kube } from '../../behaviour/kube.ts';
import { scopingProxy } from '../../behaviour/scoping-proxy.ts';
import { seenCache } from '../../behaviour/seen.ts';
import { act, furnish } from '../act.ts';
import { chance } from '../chance.ts';
import { chronicle, type Chronicle } from '../chronicle.ts';
import type { Ending } from '../ending.ts';
import type { SeedResult } from '../run-seed.ts';
import { scenarioOf, type Scenario } from '../scenario.ts';
import { tick, wrongEnd } from './end.ts';
import { startProduct, type ChaoticProduct, type Programs } from './product.ts';
import { skyOf, type Sky } from './sky.ts';

export type RealPlace = {
  readonly api: Api;
  readonly credentials: Credentials;
  readonly kubeconfig: string;
  readonly programs: Programs;
};

export type RealRun = {
  readonly seed: number;
  /** How it ends undisturbed. */
  readonly expected: Promise<Ending>;
  /** Called when everything has been set up. */
  readonly ready: () => void;
  /** Until when there is chaos at least. */
  readonly chaos: Promise<void>;
  readonly told: (line: string) => void;
};

/** What pauses and delays of scenario and chaos are multiplied by: time is real here. */
const pace = 0.15;

/** Milliseconds between two ticks while there is something going on. */
const heartbeat = 5_000;

/** Milliseconds after which the users and machines of a scenario go on undisturbed. */
const longestChaos = 30_000;

/** Plays a seed's scenario in a namespace and on nodes of its own, under chaos, and holds the end against that without. */
export async function runRealSeed(place: RealPlace, run: RealRun): Promise<SeedResult> {
  const { seed, told } = run;
  const prefix = `chaos-${seed}`;
  const namespace = `${prefix}-${Date.now().toString(36)}`;
  const verbs = kube(place.api, namespace);
  const scenario = scenarioOf(prefix, chance(seed, 'scenario'));
  const [record, sky] = [chronicle(told), skyOf(seed)];
  await clear(verbs, prefix);
  await verbs.create('Namespace', namespace);
  const proxy = await scopingProxy(place.credentials, namespace);
  await furnish(scenario, verbs, prefix);
  const product = await startProduct({
    ...place,
    api: proxy.url,
    seed,
    namespace,
    pool: prefix,
    record,
    told,
    pace,
    sky,
  });
  try {
    await storm({ scenario, verbs, prefix, record, sky, product, run });
    const expected = await run.expected;
    const wrong = await wrongEnd({ scenario, verbs, prefix, product, expected });
    const counts = { requests: record.requests(), faults: record.faults() };
    return { seed, profile: product.profile, wrong, isLate: false, ...counts, trace: '' };
  } finally {
    product.stop();
    await proxy.close();
    await clear(verbs, prefix);
    await verbs.remove('Namespace', namespace);
  }
}

type Stage = {
  readonly scenario: Scenario;
  readonly verbs: Kube;
  readonly prefix: string;
  readonly record: Chronicle;
  readonly sky: Sky;
  readonly product: ChaoticProduct;
  readonly run: RealRun;
};

async function storm({ scenario, verbs, prefix, record, sky, product, run }: Stage): Promise<void> {
  const { seed, told } = run;
  sky.begin();
  run.ready();
  told(`weather: ${JSON.stringify({ ...sky.weather, ...sky.mishaps() })}`);
  const outages = Array.from({ length: sky.weather.restarts }, () =>
    setTimeout(
      () => {
        record.fault('API server out of reach');
        const ms = sky.draw.between(500, 10_000) * pace;
        for (const edge of product.edges) edge.downFor(ms);
      },
      sky.draw.between(1_000, 60_000) * pace,
    ),
  );
  const still = new AbortController();
  const heart = beat(product, still.signal);
  const acts = act(scenario, verbs, { prefix, pace });
  await Promise.all([Promise.race([acts, pause(longestChaos)]), run.chaos]);
  await pause(chance(seed, 'length').between(0, 40_000) * pace);
  for (const outage of outages) clearTimeout(outage);
  sky.end();
  told('the chaos is over');
  await acts;
  still.abort();
  await heart;
  told('all is done');
}

/** One tick after another: a scheduler does not send the next while one is being handled. */
async function beat(product: ChaoticProduct, signal: AbortSignal): Promise<void> {
  const isOver = (): boolean => signal.aborted;
  while (!isOver()) {
    await pause(heartbeat);
    if (!isOver()) await tick(product, 1);
  }
}

/** Takes away what a run needs and leaves, or left: caches that wait for a removal would keep their namespace for ever. */
async function clear(verbs: Kube, prefix: string): Promise<void> {
  for (const { metadata } of (await verbs.list('ImageCache')).map(seenCache))
    if (metadata.finalizers.length > 0)
      await verbs.patch('ImageCache', metadata.name, { metadata: { finalizers: null } });
  for (const { metadata } of (await verbs.list('Node', `pool=${prefix}`)).map((object) => named.parse(object)))
    await verbs.remove('Node', metadata.name);
}

const named = z.object({ metadata: z.object({ name: z.string() }) });
