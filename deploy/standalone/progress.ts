import type { ImageCache } from '#model/cache/image-cache.ts';
import { isUnsettled, type LedgerEntry } from '#model/cache/ledger.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { imagesOf } from '#model/desired/desired-images.ts';

/** One line for a person; its tone is a colour where there are any. */
export type Line = { readonly text: string; readonly tone?: Tone };
export type Tone = 'busy' | 'good' | 'bad' | 'quiet';

/** Whether nothing is under way: what the status says is final for this generation and for the nodes there are. */
export function isSettled({ generation, spec, status }: ImageCache): boolean {
  const reconciling = status.conditions.find(({ type }) => type === 'Reconciling');
  if (reconciling?.status !== 'False' || reconciling.observedGeneration !== generation) return false;
  return spec.suspend || !Object.values(status.nodes).some(isUnsettled);
}

/** How far a cache is: a line for the whole, with the seconds that it took so far if they are told, and one per node. */
export function progressLines(cache: ImageCache, seconds?: number): readonly Line[] {
  const nodes = entriesOf(cache).map(([name, entry]) => ({ name, ...told(cache, entry) }));
  const wide = widest(nodes.map(({ name }) => name));
  return [
    { text: [headline(cache), ...(seconds === undefined ? [] : [`${seconds.toFixed(1)} s`])].join('  ') },
    ...nodes.map(({ name, state, text, tone }) => ({
      text: `  ${name.padEnd(wide)}  ${state.padEnd(11)}  ${text}`,
      tone,
    })),
  ];
}

/** What a settled cache came to: what is where, then what is not, and why. */
export function outcomeLines(cache: ImageCache): readonly Line[] {
  const { status } = cache;
  const holders = [...holdersOf(cache)].filter(([, nodes]) => nodes.length > 0);
  const failures = Object.entries(status.failures).flatMap(([image, of]) => of.map((one) => ({ image, ...one })));
  const wide = widest([...holders.map(([image]) => image), ...failures.map(({ image }) => image)]);
  return [
    { text: `${cache.name}, image by image` },
    ...holders.map(([image, nodes]) => ({ text: `  ${image.padEnd(wide)}  on ${nodesInWords(nodes)}` })),
    ...failures.map(({ image, node, reason, message }) => ({
      text: `  ${image.padEnd(wide)}  not on ${node}: ${[reason, message].filter((part) => part !== '').join(', ')}`,
      tone: 'bad' as const,
    })),
  ];
}

function headline({ name, status }: ImageCache): string {
  const { ready, desired } = nodeCounts(status.nodes);
  const word = status.status === '' ? 'not looked at yet' : status.status;
  return desired === 0 ? `${name}  ${word}` : `${name}  ${word}  ${ready} of ${counted(desired, 'node')} ready`;
}

type Told = { readonly state: string; readonly text: string; readonly tone: Tone };

function told(cache: ImageCache, entry: LedgerEntry): Told {
  const images = imagesIn(cache, entry);
  const failed = named(images, entry.failedImages);
  switch (entry.state) {
    case 'Pending':
      return { state: 'waits', text: `for its turn, ${counted(images.length, 'image')}`, tone: 'quiet' };
    case 'Pulling':
      return entry.pendingImages === undefined || entry.attempt <= 1
        ? { state: 'pulling', text: counted(images.length, 'image'), tone: 'busy' }
        : { state: 'tries again', text: named(images, entry.pendingImages).join(', '), tone: 'busy' };
    case 'Ready':
      return { state: 'ready', text: counted(images.length, 'image'), tone: 'good' };
    case 'Failed':
      return { state: 'failed', text: shortfall(images, failed), tone: 'bad' };
    case 'Skipped':
      return { state: 'skipped', text: entry.reason, tone: 'quiet' };
  }
}

/** A node that failed without naming an image has not told of any. */
const shortfall = (images: readonly string[], failed: readonly string[]): string =>
  failed.length === 0
    ? `nothing is known of ${counted(images.length, 'image')}`
    : `${failed.join(', ')}; ${images.length - failed.length} of ${images.length} there`;

/** Which nodes hold which image, as far as their results are known. */
function holdersOf(cache: ImageCache): ReadonlyMap<string, readonly string[]> {
  const holders = new Map<string, readonly string[]>();
  for (const [name, entry] of entriesOf(cache)) {
    if (entry.state !== 'Ready' && entry.failedImages.length === 0) continue;
    imagesIn(cache, entry).forEach((image, index) => {
      holders.set(image, [...(holders.get(image) ?? []), ...(entry.failedImages.includes(index) ? [] : [name])]);
    });
  }
  return holders;
}

const entriesOf = (cache: ImageCache): readonly (readonly [string, LedgerEntry])[] =>
  Object.entries(cache.status.nodes).toSorted(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));

const imagesIn = (cache: ImageCache, entry: LedgerEntry): readonly string[] =>
  imagesOf(cache, cache.status.desired[entry.desiredHash] ?? []);

const named = (images: readonly string[], indexes: readonly number[]): readonly string[] =>
  indexes.flatMap((index) => images[index] ?? []);

/** Names while they are few. */
const nodesInWords = (nodes: readonly string[]): string =>
  nodes.length <= 5 ? nodes.join(', ') : counted(nodes.length, 'node');

const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));
const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
