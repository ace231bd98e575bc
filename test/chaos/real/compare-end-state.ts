import { setTimeout as pause } from 'node:timers/promises';
import * as z from 'zod/mini';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Kube } from '../../behaviour/kube.ts';
import { isNodeReady } from '../../behaviour/node-condition.ts';
import { differences, endStateOf, waitingForTick, type EndState } from '../end-state.ts';
import { postTo, tickHeaders } from '../post-event.ts';
import type { Scenario } from '../scenario.ts';
import type { ChaoticProduct } from './product.ts';

export type Comparison = {
  readonly scenario: Scenario;
  readonly verbs: Kube;
  readonly prefix: string;
  readonly product: ChaoticProduct;
  readonly expected: EndState;
};

/** Milliseconds without changes. */
const quiet = 2_500;

/** Milliseconds without changes after which the state is final: a source times out after 60 s and backs off for up to 30 s. */
const patience = 75_000;

/** Milliseconds after which the product is considered to loop. */
const longest = 300_000;

/** Milliseconds until a Node must be Ready: one that registers while the machine is busy is not at once. */
const longestUntilReady = 120_000;

/**
 * Compares the end state, once all Nodes are Ready, with the expected one after one tick, or after two if a refresh had to wait for the round that the first
 * started. Empty as soon as they are equal and nothing changes.
 */
export async function compareEndState(at: Comparison): Promise<readonly string[]> {
  const wrong = await differencesAfterTick(at);
  return wrong.length === 0 ? [] : [...wrong, ...(await skippedNodes(at))];
}

async function differencesAfterTick(at: Comparison): Promise<readonly string[]> {
  const { scenario, verbs, prefix, product, expected } = at;
  await rested(verbs, quiet);
  await readyNodes(at);
  await tick(product);
  for (const state = { isPaced: false }; ;) {
    const isOver = await rested(verbs, 1_000);
    const wrong = differences(withoutImages(expected), withoutImages(await endStateOf(scenario, verbs, prefix)));
    if (wrong.length === 0 || isOver) return wrong;
    if (!state.isPaced && (await waitingForTick(verbs)).length > 0) {
      state.isPaced = true;
      await tick(product);
    } else if (!(await changes(verbs))) return wrong;
  }
}

/** Waits until all Nodes are Ready: the product rightly skips others, as the undisturbed run never does. Returns at the bound, too. */
async function readyNodes({ verbs, prefix }: Comparison): Promise<void> {
  for (const begin = Date.now(); Date.now() - begin < longestUntilReady;) {
    if ((await verbs.list('Node', `pool=${prefix}`)).every(isNodeReady)) return;
    await pause(500);
  }
}

/** Why nodes are skipped, and the condition of each Node: whether the product or the lab is behind. */
async function skippedNodes({ verbs, prefix }: Comparison): Promise<readonly string[]> {
  const caches = (await verbs.list('ImageCache')).map(parseImageCache);
  const skipped = caches.flatMap(({ name, status }) =>
    Object.entries(status.nodes).flatMap(([node, { state, reason }]) =>
      state === 'Skipped' ? [`${name}: ${node} is skipped, ${reason}`] : [],
    ),
  );
  const conditions = (await verbs.list('Node', `pool=${prefix}`)).map((object) => readiness.parse(object));
  return [...skipped, ...conditions.map((node) => `Node ${JSON.stringify(node)}`)];
}

const readiness = z.pipe(
  z.object({
    metadata: z.object({ name: z.string() }),
    spec: z.object({ taints: z.optional(z.array(z.unknown())) }),
    status: z.object({ conditions: z.array(z.looseObject({ type: z.string() })) }),
  }),
  z.transform(({ metadata: { name }, spec: { taints }, status }) => ({
    name,
    taints,
    ready: status.conditions.find(({ type }) => type === 'Ready'),
  })),
);

/** KWOK nodes list no images. */
const withoutImages = (endState: EndState): EndState => ({ ...endState, images: {}, late: [] });

/** Sends one tick like a scheduler, with retries until it is accepted, as the last killed process may still be restarting. */
export async function tick({ addressOf }: ChaoticProduct, most = 30): Promise<void> {
  for (const name of ['refresh', 'purge'] as const)
    for (let tries = 1; tries <= most; tries += 1) {
      const address = addressOf(name);
      if (address !== undefined && (await postTo(address, tickHeaders, '')) === 204) break;
      await pause(500);
    }
}

/** Waits until nothing has changed for this many milliseconds; returns true if that never happens. */
async function rested(verbs: Kube, silence: number): Promise<boolean> {
  let [last, since] = ['', Date.now()];
  for (const begin = since; Date.now() - since < silence;) {
    const now = await versions(verbs);
    if (now !== last) [last, since] = [now, Date.now()];
    if (Date.now() - begin > longest) return true;
    await pause(700);
  }
  return false;
}

/** Whether anything still changes. */
async function changes(verbs: Kube): Promise<boolean> {
  const before = await versions(verbs);
  for (const begin = Date.now(); Date.now() - begin < patience;) {
    await pause(1_000);
    if ((await versions(verbs)) !== before) return true;
  }
  return false;
}

async function versions(verbs: Kube): Promise<string> {
  const lists = await Promise.all((['ImageCache', 'Job', 'Pod'] as const).map((kind) => verbs.list(kind)));
  return JSON.stringify(lists.flat().map((object) => versioned.parse(object).metadata));
}

const versioned = z.object({ metadata: z.object({ uid: z.string(), resourceVersion: z.string() }) });
