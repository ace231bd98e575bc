import { type Attempt, isNotPulled, trimmed, unpackedImages } from './image-states.ts';

/**
 * Which of the desired images a node may have from earlier attempts, whatever the current one finds: p if it may, f if not. As with
 * the letters of image states, the last one also stands for all images after it. Undefined if it has none.
 */
export type HadImages = string | undefined;

export const hadAll: HadImages = 'p';

export const isHad = (had: HadImages, index: number): boolean =>
  had !== undefined && (had[index] ?? had.at(-1)) === 'p';

/** These images of `count`. */
export const hadImages = (indexes: readonly number[], count: number): HadImages => {
  const had = new Set(indexes);
  return hadOrNone(Array.from({ length: count }, (_, index) => had.has(index)));
};

/** What a node had, and what the current attempt may have pulled. */
export const withPulled = (had: HadImages, entry: Attempt): HadImages =>
  hadOrNone(
    Array.from(
      { length: Math.max(had?.length ?? 0, entry.images.length) },
      (_, index) => isHad(had, index) || !isNotPulled(entry, index),
    ),
  );

const hadOrNone = (had: readonly boolean[]): HadImages =>
  had.includes(true) ? trimmed(had.map((has) => (has ? 'p' : 'f')).join('')) : undefined;

/** Whether a text is such letters as they are stored. */
export const isHadImages = (text: string): boolean => packed.test(text) && unpackedImages(text) !== undefined;

const packed = /^(?:[pf][0-9]*)+$/;
