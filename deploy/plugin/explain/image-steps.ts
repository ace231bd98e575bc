import type { ImageCache } from '#model/cache/image-cache.ts';
import { absentOf } from '#model/cache/image-states.ts';
import {
  type LedgerEntry,
  isFailing,
  nodeBusy,
  waitsForRegistry,
  waitsForRemoval,
  waitsForSurge,
} from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import { imageState } from '#model/desired/image-state.ts';
import { byImages, freePullSlots, rolloutOf, waveText } from '#model/desired/rollout.ts';
import { causeOf, outcomeOf } from '#model/pull/image-outcome.ts';
import { pullsLostAgainAt } from '#model/pull/lost-images.ts';
import { registryText } from '#model/cache/registry-use.ts';
import { type Pod, isFailingToPull } from '#model/job/job.ts';
import { timeText } from '#model/text/times.ts';
import { hasPlace, stopReason, waveBudget } from '#model/start/wave.ts';
import { jobsRefused } from '#model/report/reported-status.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { age, counted } from '../units.ts';
import { type Explained, type Step, step } from './step.ts';

/** What the node waits for, then each missing image in the kubelet's words, then what follows. */
export function imageSteps(input: Explained, entry: LedgerEntry, images: readonly string[]): readonly Step[] {
  const missing = images.filter(
    (image, index) => imageState(entry, index) !== 'present' && !isPulled(input, image, index),
  );
  const head = `${missing.length} of ${counted(images.length, 'image')} ${missing.length === 1 ? 'is' : 'are'} missing`;
  const causes = missing.flatMap((image) => causeSteps(input, image));
  const isTrouble = entry.state === 'Failed' || isFailing(entry);
  const untried = absentOf(entry, images.length).map((index) => step('fails', untriedText(images[index] ?? '')));
  const steps = [step('holds', head), ...waitSteps(input, { entry, images }), ...causes, ...untried];
  return isTrouble ? [...steps, retryStep(input, entry)] : steps;
}

/** Whether a Pod reports an image that the status, which waits for the whole Job, does not have yet. */
function isPulled({ pods = [], settings, cache, name }: Explained, image: string, index: number): boolean {
  const isOpening = ownEntry(cache.status.nodes, name)?.opening !== undefined;
  const images = { image, helperImage: settings.noopImage, isOpening };
  return pods.some((pod) => outcomeOf(pod, index, images)?.type === 'present');
}

type OnNode = { readonly entry: LedgerEntry; readonly images: readonly string[] };

function waitSteps(input: Explained, { entry, images }: OnNode): readonly Step[] {
  const { cache, name } = input;
  if (entry.state === 'Pending') return [step('holds', pendingText(input, { entry, images }))];
  if (entry.state === 'Held') return [step('fails', heldText(input, entry)), nextRoundStep(input)];
  if (entry.state !== 'Pulling') return [];
  const refusal = jobsRefused(cache);
  const attempt = `attempt ${entry.attempt} has begun`;
  if (input.pods === undefined) return [step('holds', `${attempt}; its Pods cannot be read with your rights`)];
  if (input.pods.length === 0)
    return [
      step(
        refusal === undefined ? 'holds' : 'fails',
        refusal?.message ?? `${attempt}; no Pod of it exists on ${name} yet`,
      ),
    ];
  return input.pods.map((pod) => step('holds', `${attempt}: Pod ${podText(pod, input.now)}`));
}

const untriedText = (image: string): string =>
  `${image} is not tried here in this round: other nodes report that the registry does not have it`;

function heldText({ cache, settings }: Explained, { desiredHash }: LedgerEntry): string {
  const rollout = rolloutOf(cache, settings);
  const nodes = byImages(cache.status.nodes).get(desiredHash) ?? [];
  const why = rollout === undefined ? '' : stopReason(nodes, rollout);
  return `its rollout stopped before it began${why === '' ? '' : `, because ${why}`}: it keeps what it has`;
}

function pendingText({ cache, name, settings, now }: Explained, { entry, images }: OnNode): string {
  if (ownEntry(cache.status.removals, name)?.state === 'Removing') return 'it waits: a removal is running on the node';
  if (waitsForRemoval(entry)) return 'it waits, RemovalInProgress: another cache removes an image of it from the node';
  const busy = ownEntry(cache.status.nodes, name)?.reason === nodeBusy;
  if (busy) return 'it waits, NodeBusy: other caches have as many pull Pods on the node as may be there at once';
  if (waitsForSurge(entry))
    return `it waits, SurgeUsed: ${settings.jobsMaxSurge} pull Pods may run over all caches at once`;
  const rests = waitsForRegistry(entry) ? registryText(cache.status) : '';
  if (rests !== '') return `it waits, RegistryRests: ${rests}`;
  if (freePullSlots(cache) === 0) {
    const running = Object.values(cache.status.nodes).filter(({ state }) => state === 'Pulling').length;
    return `it waits for its turn: ${counted(running, 'node')} pull, and no more may at once`;
  }
  const desired = new Map([[entry.desiredHash, { hash: entry.desiredHash, lists: [], images }]]);
  if (!hasPlace(entry, waveBudget(cache, settings, desired, now)))
    return rolloutOf(cache, settings) === undefined
      ? 'it waits while two nodes try an image first that the registry did not find for us, half a minute at most'
      : `it waits for its wave. ${waveTextOf(cache, settings)}`;
  return 'it waits to be started: if that lasts, no function runs';
}

const waveTextOf = (cache: ImageCache, settings: Settings): string =>
  waveText(rolloutOf(cache, settings), cache.status.nodes, cache.status.nextWaveTime);

function podText({ namespace, name, startedAt, createdAt, unschedulable, phase }: Pod, now: number): string {
  const which = `${namespace}/${name}`;
  if (startedAt !== undefined) return `${which} is ${phase}, accepted by the kubelet ${age(now - startedAt)} ago`;
  const why = unschedulable === '' ? 'the kubelet has not accepted it' : unschedulable;
  return `${which}, created ${age(now - createdAt)} ago, has not started: ${why}`;
}

/** The kubelet's latest word on an image: its Pod's, else what the status has recorded. */
function causeSteps({ cache, name, pods = [] }: Explained, image: string): readonly Step[] {
  const failure = ownEntry(cache.status.failures, image)?.find(({ node }) => node === name);
  const live = pods
    .flatMap(({ containers }) => containers)
    .find((each) => isFailingToPull(each) && each.message.includes(image));
  const cause = live === undefined ? failure : causeOf(live);
  return cause === undefined
    ? []
    : [step('fails', `${image}: ${[cause.reason, cause.message].filter((text) => text !== '').join(': ')}`)];
}

function retryStep(input: Explained, entry: LedgerEntry): Step {
  const { failures } = input.cache.status;
  const own = Object.values(failures).flatMap((each) => each.filter(({ node }) => node === input.name));
  const who = own.some(({ reason }) => reason === 'FailedCreate') ? 'Job controller' : 'kubelet';
  if (entry.failingUntil !== undefined)
    return step('holds', `the ${who} tries again by itself, until ${timeText(entry.failingUntil)}`);
  if (entry.state !== 'Failed') return step('holds', 'what failed is tried once more in this round');
  const again = pullsLostAgainAt(entry);
  if (again !== undefined)
    return step('holds', `it is pulled again ${nextText(again - input.now)}, or at once: ${refreshCommand(input)}`);
  return nextRoundStep(input);
}

/** When the next round tries again. */
function nextRoundStep({ cache, now }: Explained): Step {
  const { nextRefreshTime } = cache.status;
  const refresh =
    nextRefreshTime === undefined
      ? 'no refresh is scheduled'
      : `the next refresh is ${nextText(nextRefreshTime - now)}`;
  return step('holds', `${refresh}; at once: ${refreshCommand({ cache })}`);
}

const refreshCommand = ({ cache: { name, namespace } }: Pick<Explained, 'cache'>): string =>
  `kubectl imagecache refresh ${name} -n ${namespace}`;

const nextText = (left: number): string => (left <= 0 ? 'due' : `in ${age(left)}`);
