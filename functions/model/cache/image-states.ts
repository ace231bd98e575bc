/*
 * The state of each desired image of a node is one letter:
 *
 * | the image                                                        | has not failed before | has failed before |
 * | ---------------------------------------------------------------- | --------------------- | ----------------- |
 * | is not in the attempt: the node has it, or failed to pull it      | p                     | f                 |
 * | is in the attempt, without a result                              | w                     | r                 |
 * | is in the attempt: the kubelet fails to pull it, and pulls again | e                     | s                 |
 * | is in the attempt: its Job has finished, and it succeeded        | d                     | t                 |
 * | is in the attempt: its Job has finished, and it failed           | x                     | u                 |
 * | the same, and the kubelet reported no reason                     | y                     | v                 |
 * | is put off until the attempt has ended, as a budget is used up    | o                     | q                 |
 * | is not tried on the node, as others found that it does not exist | a                     |                   |
 *
 * "Before" means in the first attempt of two, or in the pull before an attempt that opens images. A capital letter is a
 * locked image: only Pods with the credentials of the pull can start it, although others may be allowed to.
 *
 * Images that have their result stay in the attempt until all have one, because its Jobs are slices of these images.
 * Only the functions below read and change letters.
 */

/** Indexes are those of the sorted desired images; the index after the last one is that of the no-op. */
export type ImageStates = {
  /** A letter per image; the last one also stands for all images after it. */
  readonly images: string;
  /** The letter of the no-op image; undefined if no Job of the entry used credentials, so that no image is known to be locked. */
  readonly noop: string | undefined;
};

export type Attempt = ImageStates & { readonly opening: string | undefined };
type Settling = Attempt & { readonly state: string };

const bothCases = (text: string): string => text + text.toUpperCase();

const attempted = bothCases('wresdtxuyv');
const unfinished = bothCases('wres');
const failedBefore = bothCases('frstuvq');
const putOff = bothCases('oq');
const absent = bothCases('a');
const letters = 'pfwresdtxuyvaoq';

/** The letters of a node of which nothing is known but its state: they are not stored. */
export const usualImages = (state: string): string => (state === 'Ready' ? 'p' : state === 'Failed' ? 'f' : 'w');

/** The images of the current attempt, or of the next one if none has started. */
export const pendingOf = (states: ImageStates, count: number): readonly number[] =>
  withLetter(states, count, attempted);

export const isPending = (states: ImageStates, index: number): boolean => attempted.includes(letterOf(states, index));

/** The images of the attempt that have no result yet. */
export const unfinishedOf = (states: ImageStates, count: number): readonly number[] =>
  withLetter(states, count, unfinished);
export const isUnfinished = (states: ImageStates, index: number): boolean =>
  unfinished.includes(letterOf(states, index));

/** Whether an image of the attempt has a result, has failed, or has failed without a reason from the kubelet. */
export const hasResults = (states: ImageStates): boolean => hasAny(states, 'dtxuyv');
export const hasFailures = (states: ImageStates): boolean => hasAny(states, 'xuyv');
export const isInconclusive = (states: ImageStates): boolean => hasAny(states, 'yv');

/** Whether the attempt repeats images that failed, or follows on a pull that failed. */
export const hasFailedBefore = (states: ImageStates): boolean => hasAny(states, failedBefore);

/** The images that failed before; once the node has settled, also those that it did not try. */
export const failedOf = (entry: Settling, count: number): readonly number[] =>
  withLetter({ ...entry, noop: undefined }, count, failedLetters(entry));
export const isFailed = (entry: Settling, index: number): boolean =>
  failedLetters(entry).includes(letterOf(entry, index));
export const hasFailed = (entry: Settling): boolean => hasAny(entry, failedLetters(entry));

const failedLetters = ({ state, opening }: Settling): string =>
  state === 'Failed' || opening !== undefined ? failedBefore + absent : failedBefore;

/** Whether the node failed to pull the image last, or fails to pull it now, or was not to try. */
export const isNotPulled = (entry: Attempt, index: number): boolean =>
  notPulledLetters(entry).includes(letterOf(entry, index));

/** Images that an attempt opens are present, whatever it finds. */
const notPulledLetters = ({ opening }: Attempt): string =>
  opening === undefined ? bothCases('frsuvexyaoq') : failedBefore + absent;

/** The images that the kubelet fails to pull in the current attempt, and pulls again by itself. */
export const failingOf = (states: ImageStates, count: number): readonly number[] =>
  withLetter(states, count, bothCases('es'));
export const isFailingOn = (states: ImageStates, index: number): boolean =>
  bothCases('es').includes(letterOf(states, index));
export const hasFailing = (states: ImageStates): boolean => hasAny(states, 'es');

/** The images that are not tried on this node, because others found that the registry does not have them. */
export const absentOf = (states: ImageStates, count: number): readonly number[] => withLetter(states, count, absent);
export const isUntried = (states: ImageStates, index: number): boolean => absent.includes(letterOf(states, index));
export const hasUntried = (states: ImageStates): boolean => hasAny(states, absent);

/** Whether it is known which images are locked, as a Job may have used credentials. */
export const hasKnownLocks = ({ noop }: ImageStates): boolean => noop !== undefined;
export const isLocked = (states: ImageStates, index: number): boolean => isCapital(letterOf(states, index));

/** The locked images, the no-op included. */
export const lockedOf = (states: ImageStates, count: number): readonly number[] =>
  withLetter(states, count, letters.toUpperCase());

/** These images are to be pulled, and the node has the others. */
export const toPull = <States extends ImageStates>(states: States, indexes: readonly number[], count: number): States =>
  mapped(states, count, (letter, index) => (indexes.includes(index) ? 'w' : index === count ? letter : 'p'));

/** The node failed to pull these images, and has the others. */
export const withFailed = <States extends ImageStates>(
  states: States,
  indexes: readonly number[],
  count: number,
): States => mapped(states, count, (letter, index) => (indexes.includes(index) ? 'f' : index === count ? letter : 'p'));

/** Of the images that a node lacks before its first attempt, these are not tried. */
export const withUntried = <States extends ImageStates>(
  states: States,
  indexes: readonly number[],
  count: number,
): States => mapped(states, count, (letter, index) => (indexes.includes(index) ? 'a' : translated(letter, 'a', 'w')));

/** What a Job found about an image. */
export type ImageResult = 'succeeded' | 'failed' | 'inconclusive';

/** Records what finished Jobs found. */
export const withResults = <States extends ImageStates>(
  states: States,
  results: ReadonlyMap<number, ImageResult>,
  count: number,
): States =>
  mapped(states, count, (letter, index) => {
    const result = results.get(index);
    if (result === undefined) return letter;
    const [first = '', again = ''] = { succeeded: 'dt', failed: 'xu', inconclusive: 'yv' }[result];
    return failedBefore.includes(letter) ? again : first;
  });

/** Records which of the reported images the kubelet fails to pull: those with a cause. */
export const withFailing = <States extends ImageStates>(
  states: States,
  reported: ReadonlyMap<number, unknown>,
  count: number,
): States =>
  mapped(states, count, (letter, index) => {
    if (!reported.has(index)) return letter;
    return reported.get(index) !== undefined ? translated(letter, 'wr', 'es') : translated(letter, 'es', 'wr');
  });

/** The images of an attempt that are put off until it has ended. */
export const putOffOf = (states: ImageStates, count: number): readonly number[] => withLetter(states, count, putOff);
export const isPutOff = (states: ImageStates, index: number): boolean => putOff.includes(letterOf(states, index));
export const hasPutOff = (states: ImageStates): boolean => hasAny(states, putOff);

/** Of an attempt that starts, these images are put off. */
export const withPutOff = <States extends ImageStates>(
  states: States,
  indexes: readonly number[],
  count: number,
): States =>
  mapped(states, count, (letter, index) => (indexes.includes(index) ? translated(letter, 'wr', 'oq') : letter));

/** An attempt for what the last one put off, and, if it may be tried once more, for what failed in it. */
export const withRest = <States extends ImageStates>(states: States, repeats: boolean): States =>
  allTranslated(states, 'dtwersuvxyoq', `ppffffff${repeats ? 'rr' : 'ff'}wr`);

/** Locks these images, and unlocks the others. */
export function withLocks<States extends ImageStates>(
  states: States,
  indexes: readonly number[],
  count: number,
): States {
  const locked = new Set(indexes);
  const cased = (letter: string, index: number): string =>
    locked.has(index) ? letter.toUpperCase() : letter.toLowerCase();
  const images = Array.from({ length: count }, (_, index) => cased(letterOf(states, index), index));
  return { ...states, images: trimmed(images.join('')), noop: cased(states.noop ?? 'p', count) };
}

/** An attempt to open these images. What failed before stays failed, and what was not tried is not opened. */
export const withOpening = <States extends ImageStates>(
  states: States,
  indexes: readonly number[],
  count: number,
): States =>
  mapped(withoutAttempt(states), count, (letter, index) =>
    indexes.includes(index) ? translated(letter, 'pf', 'wr') : letter,
  );

/** After an attempt to open images: what succeeded is not locked any more, nor is the no-op, which is tried once. */
export const withOpened = <States extends ImageStates>(states: States): States =>
  withoutAttempt({
    ...states,
    images: states.images.replace(/[DT]/g, (letter) => letter.toLowerCase()),
    noop: states.noop?.toLowerCase(),
  });

/** The same after a part of them: an attempt to open what this one put off. */
export const withRestToOpen = <States extends ImageStates>(states: States): States =>
  allTranslated(withOpened(states), 'oq', 'wr');

/** Without an attempt to open images. */
const withoutAttempt = <States extends ImageStates>(states: States): States =>
  allTranslated(states, 'wedxyrstuv', 'pppppfffff');

/** The same attempt once more. */
export const withoutResults = <States extends ImageStates>(states: States): States =>
  allTranslated(states, 'edxystuv', 'wwwwrrrr');

/** A second attempt, for the images that failed in the first. */
export const withSecondAttempt = <States extends ImageStates>(states: States): States =>
  allTranslated(states, 'dxy', 'prr');

/** A first attempt, for the images that the current one has not pulled. */
export const withFirstAttempt = <States extends ImageStates>(states: States): States =>
  allTranslated(states, 'dtexyrsuvoq', 'ppwwwwwwwww');

/** After the last attempt: what it did not pull has failed. */
export const withEnd = <States extends ImageStates>(states: States): States =>
  allTranslated(states, 'dtwexyrsuvoq', 'ppffffffffff');

/** All images of the attempt as if none had failed. */
export const asFirstAttempt = <States extends ImageStates>(states: States): States =>
  allTranslated(states, 'edxyrstuvoq', 'wwwwwwwwwww');

/** All images are to be pulled. */
export const withAllWaiting = <States extends ImageStates>(states: States): States => ({
  ...states,
  images: trimmed(translated(states.images, letters, 'w'.repeat(letters.length))),
  noop: states.noop && translated(states.noop, attempted, 'p'.repeat(attempted.length)),
});

function allTranslated<States extends ImageStates>(states: States, from: string, to: string): States {
  const images = trimmed(translated(states.images, from, to));
  return { ...states, images, noop: states.noop && translated(states.noop, from, to) };
}

/** Each letter of `from` becomes the one at the same place in `to`; capitals stay capitals. */
const translated = (text: string, from: string, to: string): string =>
  text.replace(/./g, (letter) => {
    const lower = letter.toLowerCase();
    const changed = to[from.indexOf(lower)] ?? lower;
    return isCapital(letter) ? changed.toUpperCase() : changed;
  });

const isCapital = (letter: string): boolean => letter !== letter.toLowerCase();

const letterOf = ({ images }: ImageStates, index: number): string => images[index] ?? images.at(-1) ?? 'w';

const hasAny = ({ images, noop = '' }: ImageStates, wanted: string): boolean =>
  Array.from(images + noop).some((letter) => wanted.includes(letter.toLowerCase()));

/** The indexes of the images, and of the no-op, with one of these letters. */
function withLetter({ images, noop }: ImageStates, count: number, wanted: string): readonly number[] {
  const indexes: number[] = [];
  for (let index = 0; index < count; index += 1)
    if (wanted.includes(images[index] ?? images.at(-1) ?? 'w')) indexes.push(index);
  return noop !== undefined && wanted.includes(noop) ? [...indexes, count] : indexes;
}

/** Another letter for each image, and for the no-op; what is locked stays locked. */
function mapped<States extends ImageStates>(
  states: States,
  count: number,
  change: (letter: string, index: number) => string,
): States {
  const changed = (letter: string, index: number): string => {
    const next = change(letter.toLowerCase(), index);
    return isCapital(letter) ? next.toUpperCase() : next;
  };
  const images = Array.from({ length: count }, (_, index) => changed(letterOf(states, index), index));
  const noop = states.noop === undefined ? undefined : changed(states.noop, count);
  return { ...states, images: trimmed(images.join('')), noop };
}

/** Equal states have equal letters: what the last one stands for is left out. */
export const trimmed = (images: string): string => images.replace(/(.)\1+$/, '$1');

/** The letters as they are stored: `p12f` are twelve images and one. */
export const packedImages = (images: string): string =>
  images.replace(/(.)\1{2,}/g, (run, letter: string) => `${letter}${run.length}`);

/** The letters that were stored; undefined if they are none. */
export function unpackedImages(text: string): string | undefined {
  if (text.length > maxImages || !packed.test(text)) return undefined;
  const runs = [...text.matchAll(/(\D)(\d*)/g)].map(([, letter = '', length]) => ({
    letter,
    length: Number(length || 1),
  }));
  if (runs.reduce((sum, { length }) => sum + length, 0) > maxImages) return undefined;
  return trimmed(runs.map(({ letter, length }) => letter.repeat(length)).join(''));
}

export const isLetter = (text: string): boolean => text.length === 1 && packed.test(text);

/** More than a node can be asked to have. */
const maxImages = 100_000;
const packed = new RegExp(`^(?:[${bothCases(letters)}](?:[1-9][0-9]{0,4})?)+$`);
