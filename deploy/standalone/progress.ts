import type { ImageCache } from '#model/cache/image-cache.ts';
import { failedOf, failingOf, hasFailed, isFailed, pendingOf } from '#model/cache/image-states.ts';
import { isUnsettled, type LedgerEntry } from '#model/cache/ledger.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { ledgerImages } from '#model/desired/placements.ts';

/** One line of output; its tone is a colour where the terminal has colours. */
export type Line = { readonly text: string; readonly tone?: Tone };
export type Tone = 'busy' | 'good' | 'bad' | 'quiet';

/** Whether nothing is in progress: the status is final for this generation and the current nodes. */
export function isSettled({ generation, spec, status }: ImageCache): boolean {
  const reconciling = status.conditions.find(({ type }) => type === 'Reconciling');
  if (reconciling?.status !== 'False' || reconciling.observedGeneration !== generation) return false;
  return spec.suspend || !Object.values(status.nodes).some(isUnsettled);
}

/** The progress of a cache: one line for the cache, with the seconds so far if given, and one per node. */
export function progressLines(cache: ImageCache, seconds?: number): readonly Line[] {
  const nodes = entriesOf(cache).map(([name, entry]) => ({ name, ...describeNode(cache, entry) }));
  const wide = widest(nodes.map(({ name }) => name));
  return [
    { text: [headline(cache), ...(seconds === undefined ? [] : [`${seconds.toFixed(1)} s`])].join('  ') },
    ...nodes.map(({ name, state, text, tone }) => ({
      text: `  ${name.padEnd(wide)}  ${state.padEnd(8)}  ${text}`,
      tone,
    })),
  ];
}

/** The result of a settled cache: images by the nodes that have them, then failures with their reasons. */
export function outcomeLines(cache: ImageCache): readonly Line[] {
  const { status } = cache;
  const holders = [...holdersOf(cache)].filter(([, nodes]) => nodes.length > 0);
  const failures = Object.entries(status.failures).flatMap(([image, of]) => of.map((one) => ({ image, ...one })));
  const wide = widest([...holders.map(([image]) => image), ...failures.map(({ image }) => image)]);
  return [
    { text: `${cache.name} by image` },
    ...holders.map(([image, nodes]) => ({ text: `  ${image.padEnd(wide)}  on ${nodesInWords(nodes)}` })),
    ...failures.map(({ image, node, reason, message }) => ({
      text: `  ${image.padEnd(wide)}  not on ${node}: ${[reason, message].filter((part) => part !== '').join(', ')}`,
      tone: 'bad' as const,
    })),
  ];
}

function headline({ name, status }: ImageCache): string {
  const { ready, desired } = nodeCounts(status.nodes);
  const word = status.status === '' ? 'Not reconciled yet' : status.status;
  return desired === 0 ? `${name}  ${word}` : `${name}  ${word}  ${ready} of ${counted(desired, 'node')} ready`;
}

type NodeLine = { readonly state: string; readonly text: string; readonly tone: Tone };

function describeNode(cache: ImageCache, entry: LedgerEntry): NodeLine {
  const images = imagesIn(cache, entry);
  const pending = named(images, pendingOf(entry, images.length));
  const failing = named(images, failingOf(entry, images.length));
  const failed = named(images, failedOf(entry, images.length));
  if (entry.opening !== undefined && isUnsettled(entry))
    return { state: 'opening', text: counted(images.length, 'image'), tone: 'busy' };
  switch (entry.state) {
    case 'Pending':
      return { state: 'pending', text: counted(images.length, 'image'), tone: 'quiet' };
    case 'Pulling':
      if (failing.length > 0) return { state: 'failing', text: failing.join(', '), tone: 'bad' };
      return entry.attempt > 1 && (pending.length < images.length || hasFailed(entry))
        ? { state: 'retrying', text: pending.join(', '), tone: 'busy' }
        : { state: 'pulling', text: counted(images.length, 'image'), tone: 'busy' };
    case 'Ready':
      if (entry.reason !== '') return { state: 'skipped', text: entry.reason, tone: 'quiet' };
      return { state: 'ready', text: counted(images.length, 'image'), tone: 'good' };
    case 'Failed':
      return { state: 'failed', text: shortfall(images, failed), tone: 'bad' };
    case 'Skipped':
    case 'Held':
      return { state: entry.state.toLowerCase(), text: entry.reason, tone: 'quiet' };
  }
}

/** A node that failed without a failed image has reported no results. */
const shortfall = (images: readonly string[], failed: readonly string[]): string =>
  failed.length === 0
    ? `no results for ${counted(images.length, 'image')}`
    : `${failed.join(', ')}; ${images.length - failed.length} of ${images.length} present`;

/** Nodes that have each image, as far as results are known. */
function holdersOf(cache: ImageCache): ReadonlyMap<string, readonly string[]> {
  const holders = new Map<string, readonly string[]>();
  for (const [name, entry] of entriesOf(cache)) {
    if (entry.state !== 'Ready' && !hasFailed(entry)) continue;
    imagesIn(cache, entry).forEach((image, index) => {
      holders.set(image, [...(holders.get(image) ?? []), ...(isFailed(entry, index) ? [] : [name])]);
    });
  }
  return holders;
}

const entriesOf = (cache: ImageCache): readonly (readonly [string, LedgerEntry])[] =>
  Object.entries(cache.status.nodes).toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));

const imagesIn = (cache: ImageCache, entry: LedgerEntry): readonly string[] => ledgerImages(cache, entry.desiredHash);

const named = (images: readonly string[], indexes: readonly number[]): readonly string[] =>
  indexes.flatMap((index) => images[index] ?? []);

/** Lists up to five nodes by name, and counts more. */
const nodesInWords = (nodes: readonly string[]): string =>
  nodes.length <= 5 ? nodes.join(', ') : counted(nodes.length, 'node');

const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
