import { type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { isNodeBusy, type LedgerEntry, nodeBusy, registryRests } from '#model/cache/ledger.ts';
import type { Settings } from '#model/cache/settings.ts';
import type { DesiredByHash } from '#model/desired/desired-images.ts';
import { freeNodeSlots, maxNodesStarted } from '#model/desired/node-limit.ts';
import type { Observed } from '#model/observed.ts';
import type { ObserveNext } from '#model/plan.ts';
import { normalisedReference } from '#model/text/image-reference.ts';
import { ownEntry } from '#model/text/untrusted.ts';
import { firstNodes } from './absent-images.ts';
import { registriesAfter } from './registries-after.ts';
import { type Gates, isKept, passesGates, registryGates } from './registry-gates.ts';
import { hasTurn, takesTurn, waveBudget } from './waves.ts';
import type { World } from '#model/world.ts';
import { hasFreeSlots, pullsPerNode } from './node-slots.ts';

type Started = { readonly next: ImageCache; readonly observeNext: ObserveNext };

/**
 * Starts the next attempt on pending nodes, up to the concurrency limit. The ledger records the attempt before its Jobs exist,
 * and which nodes could start if other caches had fewer Pods there.
 */
export function startNodes(world: World, cache: ImageCache, desired: DesiredByHash): Started {
  const { nodes } = cache.status;
  const slots = freeSlots(cache, world.settings);
  const candidates = Object.entries(nodes)
    .map(([name, entry]) => ({ name, entry, images: desired.get(entry.desiredHash)?.images }))
    .filter((candidate) => canStart(world, candidate));
  const { free: startable = [], busy = [] } = Object.groupBy(candidates, (candidate) =>
    isBusy(world, cache, candidate) ? 'busy' : 'free',
  );
  const budget = waveBudget(cache, world.settings, world.now) ?? firstNodes(cache, desired, world.now);
  const inTurn = startable.filter(({ entry }) => takesTurn(entry, budget));
  const gates = registryGates(world, cache, desired);
  const { open, closed } = throughGates(inTurn, { gates, desired, most: Math.min(slots, maxNodesStarted) });
  const started = open.slice(0, Math.min(slots, maxNodesStarted));
  const begun = withStatus(cache, {
    nextWaveTime: started.length > 0 ? undefined : cache.status.nextWaveTime,
    nodes: {
      ...nodes,
      ...entriesOf(started, (entry) => ({ ...entry, ...startedAttempt(entry) })),
      // A wait costs no attempt: the deadline of a second one begins anew with it.
      ...entriesOf(closed, (entry) => ({ ...entry, reason: registryRests, retryDeadline: undefined })),
      ...entriesOf(busy, (entry) => ({ ...entry, reason: nodeBusy })),
    },
  });
  const registries = registriesAfter(world, begun, { started: started.map(({ entry }) => entry), gates, desired });
  const next = withStatus(begun, { registries });
  const [slotsLeft, startableLeft] = [slots - started.length, open.length - started.length];
  if (slotsLeft === 0) return { next, observeNext: 'nothing' };
  if (startableLeft > 0) return { next, observeNext: 'same' };
  if (
    !hasUnobserved(
      cache,
      world,
      (entry) => hasTurn(entry, budget) && !isKept(entry, desired.get(entry.desiredHash), gates),
    )
  )
    return { next, observeNext: 'nothing' };
  // If none of the observed nodes could start, any of the others may be the next one.
  return { next, observeNext: started.length > 0 ? 'pending' : 'everything' };
}

type Passing = { readonly gates: Gates; readonly desired: DesiredByHash; readonly most: number };

/** Divides nodes by whether registries take their pulls now. Those that start later, if at all, take nothing yet. */
function throughGates(candidates: readonly Candidate[], { gates, desired, most }: Passing) {
  const [open, closed]: [Candidate[], Candidate[]] = [[], []];
  for (const candidate of candidates) {
    const { entry } = candidate;
    const images = desired.get(entry.desiredHash);
    const passes = open.length >= most ? !isKept(entry, images, gates) : passesGates(entry, images, gates);
    (passes ? open : closed).push(candidate);
  }
  return { open, closed };
}

const startedAttempt = ({ attempt }: LedgerEntry) =>
  ({ state: 'Pulling', reason: '', attempt: attempt + 1, finishedJobs: undefined }) as const;

const entriesOf = (
  candidates: readonly Candidate[],
  changed: (entry: LedgerEntry) => LedgerEntry,
): Readonly<Record<string, LedgerEntry>> =>
  Object.fromEntries(candidates.map(({ name, entry }) => [name, changed(entry)]));

/** Whether pending nodes whose turn it is were not observed. Those on which other caches pull are reported once they can start. */
const hasUnobserved = (
  { status }: ImageCache,
  { observed }: World,
  mayStart: (entry: LedgerEntry) => boolean,
): boolean =>
  !observed.hasAllNodes &&
  Object.entries(status.nodes).some(
    ([name, entry]) => entry.state === 'Pending' && !isNodeBusy(entry) && !observed.nodes.has(name) && mayStart(entry),
  );

type Candidate = {
  readonly name: string;
  readonly entry: LedgerEntry;
  readonly images: readonly string[] | undefined;
};

/** An observed pending node may start unless this cache removes images there, or another one removes an image that it will pull. */
function canStart(world: World, { name, entry, images }: Candidate): boolean {
  const { observed, before } = world;
  if (entry.state !== 'Pending' || observed.nodes.get(name) === undefined || images === undefined) return false;
  const isRemoving = ownEntry(before.status.removals, name)?.state === 'Removing';
  return !isRemoving && !isBeingRemoved(images, entry.id, observed);
}

/** Whether the Pods of the cache would be too many beside those of other caches. Alone on a node, a cache may always start. */
function isBusy({ otherPulls, settings }: World, cache: ImageCache, { entry, images = [] }: Candidate): boolean {
  const beside = otherPulls.get(entry.id);
  const pods = Math.min(pullsPerNode(cache, settings), images.length);
  return beside !== undefined && !hasFreeSlots(pods, cache.namespace, { beside, limits: settings.limits });
}

/** An image is never pulled and removed on a node at once, across all caches. */
function isBeingRemoved(images: readonly string[], nodeId: string, { removals }: Observed): boolean {
  const references = removals.inProgress.get(nodeId);
  return references !== undefined && images.some((image) => references.has(normalisedReference(image)));
}

/** How many more nodes may start pulling now; 0 or more, Infinity without a limit. */
export function freeSlots(cache: ImageCache, settings: Settings): number {
  const entries = Object.values(cache.status.nodes);
  const running = entries.filter(({ state }) => state === 'Pulling').length;
  const total = entries.filter(({ state }) => state !== 'Skipped').length;
  return freeNodeSlots(cache, settings, { running, total });
}
