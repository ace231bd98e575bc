import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Kube } from '../../behaviour/kube.ts';
import { differences, endingOf, stillToRefresh, type Ending } from '../ending.ts';
import { postTo, tickHeaders } from '../post-event.ts';
import type { Scenario } from '../scenario.ts';
import type { ChaoticProduct } from './product.ts';

export type End = {
  readonly scenario: Scenario;
  readonly verbs: Kube;
  readonly prefix: string;
  readonly product: ChaoticProduct;
  readonly expected: Ending;
};

/** Milliseconds in which nothing changes. */
const quiet = 2_500;

/** Milliseconds that are granted after the tick: a source that could not reach the API server asks again after 30 s at most. */
const patience = 75_000;

/**
 * How the end differs from the one that is expected, after one tick; after a second where a refresh had to wait for the round that the first
 * opened. Empty as soon as it is the same twice in a row.
 */
export async function wrongEnd(at: End): Promise<readonly string[]> {
  const { scenario, verbs, prefix, product, expected } = at;
  await rested(verbs, 60_000);
  await tick(product);
  let [wrong, isPaced, isSame] = [['never looked'] as readonly string[], false, false];
  for (const end = Date.now() + patience; Date.now() < end;) {
    wrong = differences(withoutImages(expected), withoutImages(await endingOf(scenario, verbs, prefix)));
    if (wrong.length === 0 && isSame) return [];
    isSame = wrong.length === 0;
    if (isSame) await pause(1_000);
    else await rested(verbs, 10_000);
    if (isSame || isPaced || (await stillToRefresh(verbs)).length === 0) continue;
    isPaced = true;
    await tick(product);
  }
  return wrong;
}

/** Nodes that KWOK plays list no images. */
const withoutImages = (ending: Ending): Ending => ({ ...ending, images: {}, late: [] });

/** One tick as a scheduler sends it: until it is taken. A process that was killed last is still to come back. */
export async function tick({ addressOf }: ChaoticProduct): Promise<void> {
  for (const name of ['refresh', 'purge'] as const)
    for (let tries = 1; tries <= 30; tries += 1) {
      const address = addressOf(name);
      if (address !== undefined && (await postTo(address, tickHeaders, '')) === 204) break;
      await pause(500);
    }
}

/** Until nothing has changed for a while, or so many milliseconds have passed. */
async function rested(verbs: Kube, longest: number): Promise<void> {
  let [last, since] = ['', Date.now()];
  for (const end = Date.now() + longest; Date.now() < end && Date.now() - since < quiet;) {
    const now = await versions(verbs);
    if (now !== last) [last, since] = [now, Date.now()];
    await pause(250);
  }
}

export async function versions(verbs: Kube): Promise<string> {
  const lists = await Promise.all((['ImageCache', 'Job', 'Pod'] as const).map((kind) => verbs.list(kind)));
  return JSON.stringify(lists.flat().map((object) => versioned.parse(object).metadata));
}

const versioned = z.object({ metadata: z.object({ uid: z.string(), resourceVersion: z.string() }) });
