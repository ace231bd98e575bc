import type { Ending, SeenCache, SeenNode } from '../ending.ts';
import { condition, isDesired, isHeld, isPurged, isServed, listedFor, lostUnnoticed, unproven } from '../truth.ts';

/** Word, message, numbers, failures and conditions agree with one another and with the nodes. */
export function words(ending: Ending): readonly string[] {
  return ending.caches
    .filter(isServed)
    .flatMap((cache) =>
      [
        ...observed(cache),
        ...(isPurged(cache) ? wordsOfPurge(cache) : wordsOfPulls(ending, cache)),
        ...failuresHaveNodes(ending, cache),
      ].map((wrong) => `${cache.metadata.name}: ${wrong}`),
    );
}

const expect = (isTrue: boolean, otherwise: string): readonly string[] => (isTrue ? [] : [otherwise]);

function observed({ metadata, status }: SeenCache): readonly string[] {
  const { generation } = metadata;
  return [
    ...expect(status.observedGeneration === generation, `generation ${generation} was not observed`),
    ...status.conditions.flatMap(({ type, observedGeneration }) =>
      expect(observedGeneration === generation, `${type} is of generation ${observedGeneration}, not ${generation}`),
    ),
  ];
}

/** Nodes of a cache by what they are, not by what the status says of them. */
function counted(ending: Ending, cache: SeenCache): Readonly<Record<'desired' | 'ready' | 'held' | 'skipped', number>> {
  const selected = ending.nodes.filter((node) => listedFor(cache, node).length > 0);
  const able = selected.filter((node) => isDesired(cache, node));
  return {
    desired: able.length,
    ready: able.filter((node) => !isHeld(cache, node) && hasAll(ending, cache, node)).length,
    held: able.filter((node) => isHeld(cache, node)).length,
    skipped: selected.length - able.length,
  };
}

function hasAll(ending: Ending, cache: SeenCache, node: SeenNode): boolean {
  const unnoticed = lostUnnoticed(ending, cache, node);
  const isThere = (image: string): boolean => node.images.has(image) || unnoticed.has(image);
  return unproven(ending, cache, node).size === 0 && listedFor(cache, node).every(isThere);
}

function wordsOfPulls(ending: Ending, cache: SeenCache): readonly string[] {
  const { status } = cache;
  const truth = counted(ending, cache);
  const { desired = 0, ready = 0, pulling = 0, failed = 0, skipped = 0 } = status.nodeCounts;
  const word = wordFor(truth);
  const said = `${ready} ready, ${failed} failed, ${pulling} pulling of ${desired}, ${skipped} skipped`;
  const isReady = condition(cache, 'Ready').status === 'True';
  const states = Object.values(status.nodes).map(({ state, reason }) => (isAway(state, reason) ? 'Skipped' : state));
  const inState = (state: string): number => states.filter((each) => each === state).length;
  return [
    ...expect(
      ready === truth.ready &&
        desired === truth.desired &&
        skipped === truth.skipped &&
        failed === desired - ready - truth.held,
      `nodeCounts says ${said}; really ${truth.ready} of ${truth.desired} have everything, ${truth.skipped} cannot pull`,
    ),
    ...expect(
      ready === inState('Ready') && failed === inState('Failed') && skipped === inState('Skipped'),
      `nodeCounts says ${said}, and nodes says ${states.join(', ')}`,
    ),
    ...expect(status.nodesReady === `${ready}/${desired}`, `nodesReady is ${status.nodesReady}, nodeCounts ${said}`),
    ...expect(isReady === isAllReady(truth), `Ready is ${String(isReady)} at ${said}`),
    ...expect(status.status === word, `the word is ${status.status} at ${said}`),
    ...expect(condition(cache, 'Stalled').status === (word === 'Failed' ? 'True' : 'False'), `Stalled at ${word}`),
    ...expect(condition(cache, 'Reconciling').status === 'False', 'Reconciling although all has settled'),
    ...expect(Object.keys(status.failures).length > 0 === (word === 'Failed'), `failures at ${word}`),
    ...expect(pullMessage(word, cache).test(status.message), `the message at ${word} is "${status.message}"`),
  ];
}

/** Ready says something of nodes: it is False if all of them are skipped. */
const isAllReady = ({ desired, ready, skipped }: ReturnType<typeof counted>): boolean =>
  ready === desired && (desired > 0 || skipped === 0);

/** A node that has its images and is away counts as skipped. */
const isAway = (state: string, reason: string): boolean => state === 'Ready' && reason !== '';

function wordFor({ desired, ready }: { readonly desired: number; readonly ready: number }): string {
  if (ready < desired) return 'Failed';
  return desired > 0 ? 'Succeeded' : 'NoImagesPulledOrDeleted';
}

/** kube-fledged's messages, and ours with the numbers of nodes by reason. */
function pullMessage(word: string, { status }: SeenCache): RegExp {
  if (word === 'Failed') return /^Image pull failed for some images\. Please see "failures" section(: .+)?$/;
  if (word === 'Succeeded')
    return /^All requested images pulled succesfully to respective nodes(\. No node matches spec\.cacheSpec\[\d\]( and \d more)?)?$/;
  const reasons = Map.groupBy(Object.values(status.nodes), ({ reason }) => reason);
  const counts = [...reasons].map(([reason, nodes]) => `${nodes.length} ${reason}`).toSorted();
  return counts.length === 0
    ? /nodeSelector specified did not match any nodes$/
    : new RegExp(`none of the matching nodes can be served now: ${counts.join(', ')}(\\. No node matches .*)?$`);
}

function wordsOfPurge(cache: SeenCache): readonly string[] {
  const { status } = cache;
  const removals = Object.entries(status.removals);
  const owed = removals.filter(([, { state }]) => state !== 'Removed').map(([node]) => node);
  const named = [...new Set(Object.values(status.failures).flatMap((all) => all.map(({ node }) => node)))];
  const spared = removals.reduce((sum, [, each]) => sum + each.spared, 0);
  const sparing = removals.filter(([, each]) => each.spared > 0).length;
  const gone = removals.reduce((sum, [, each]) => sum + each.removed + each.absent, 0);
  const isReady = condition(cache, 'Ready');
  const word = wordForPurge({ owed: owed.length, done: removals.length - owed.length, spared, gone });
  const count = spared === 0 ? undefined : `${spared} on ${sparing} node${sparing === 1 ? '' : 's'}`;
  return [
    ...expect(status.nodesReady === '0/0' && Object.keys(status.nodes).length === 0, 'purged, and it has nodes'),
    ...expect(isReady.status === 'False' && isReady.reason === 'Purged', `purged, and Ready is ${isReady.reason}`),
    ...expect(
      word.includes(status.status),
      `purged, the word is ${status.status} and ${owed.join(', ') || 'no node'} owes`,
    ),
    ...expect(
      named.toSorted().join() === owed.toSorted().join(),
      `purged, failures names ${named.join(', ') || 'no node'}, and ${owed.join(', ') || 'no node'} owes`,
    ),
    ...expect(
      // What a purge said of nodes that are gone by now stays.
      status.status === 'Failed' ||
        removals.length === 0 ||
        /\b\d+ on \d+ node/.exec(status.message)?.[0] === count?.replace(/s$/, ''),
      `purged, ${count ?? 'nothing'} was spared, and the message is "${status.message}"`,
    ),
    ...expect(
      (condition(cache, 'Stalled').status === 'True') === (status.status === 'Failed'),
      `Stalled is ${condition(cache, 'Stalled').status} at ${status.status}`,
    ),
  ];
}

type Purge = { readonly owed: number; readonly done: number; readonly spared: number; readonly gone: number };

function wordForPurge({ owed, done, spared, gone }: Purge): readonly string[] {
  if (owed > 0) return ['Failed'];
  if (done === 0) return ['Succeeded', 'NoImagesPulledOrDeleted'];
  return spared > 0 && gone === 0 ? ['NoImagesPulledOrDeleted'] : ['Succeeded'];
}

/** Failures are of nodes that exist. */
const failuresHaveNodes = ({ nodes }: Ending, cache: SeenCache): readonly string[] =>
  Object.entries(cache.status.failures).flatMap(([image, causes]) =>
    causes
      .filter(({ node }) => !nodes.some(({ name }) => name === node))
      .map(({ node }) => `failures has ${image} on ${node}, which does not exist`),
  );
