import { goDuration } from './go-duration.ts';

/** One thing an operator can set: a row of the table that flags, environment, defaults and help are all made from. */
export type Setting<T> = {
  /** Without dashes; undefined where there is only the environment. */
  readonly flag: string | undefined;
  readonly env: string | undefined;
  /** The default, written as an operator would write it. */
  readonly fallback: string;
  readonly reads: Reads<T>;
  /** One line for --help. */
  readonly doc: string;
  /** An empty environment variable means its default, as charts leave them behind, unless empty has a meaning of its own. */
  readonly mayBeEmpty?: boolean;
};

/** How a value is read, and what to say when it is not one. */
export type Reads<T> = {
  /** The value, wrapped since it may itself be undefined; undefined for text that is none. */
  readonly parse: (text: string) => { readonly value: T } | undefined;
  /** Completes "expected …". */
  readonly expects: string;
  readonly isBoolean?: boolean;
};

export const text: Reads<string> = { parse: (value) => ({ value: value.trim() }), expects: 'text' };

/** Milliseconds. */
export const duration = (least: number): Reads<number> => ({
  parse: (value) => {
    const milliseconds = goDuration(value.trim());
    return milliseconds !== undefined && milliseconds >= least ? { value: milliseconds } : undefined;
  },
  expects: least > 0 ? 'a duration above 0 such as 5m, 1h30m or 300ms' : 'a duration such as 5m, 1h30m or 0s',
});

/** Keys of taints, separated by commas. */
export const taintKeys: Reads<readonly string[]> = {
  parse: (value) => {
    const keys = value.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]));
    return keys.every((key) => taintKey.test(key)) ? { value: keys } : undefined;
  },
  expects: 'keys of taints such as example.com/cold, separated by commas',
};

/** Names of namespaces, separated by commas; each once. */
export const namespaceNames: Reads<readonly string[]> = {
  parse: (value) => {
    const names = value.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]));
    return names.every((name) => namespaceName.test(name)) ? { value: [...new Set(names)] } : undefined;
  },
  expects: 'names of namespaces such as apps, separated by commas',
};

const namespaceName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const taintKey = /^(?:[a-z0-9][a-z0-9.-]*\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

export const wholeNumber = (least: number, most = Number.MAX_SAFE_INTEGER): Reads<number> => ({
  parse: (value) => {
    const number = /^\d{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
    return number >= least && number <= most ? { value: number } : undefined;
  },
  expects:
    most === Number.MAX_SAFE_INTEGER ? `a whole number from ${least}` : `a whole number from ${least} to ${most}`,
});

/** A word of a list, whatever its case. */
export const oneOf = <const T extends string>(words: readonly T[]): Reads<T> => ({
  parse: (value) => {
    const found = words.find((word) => word.toLowerCase() === value.trim().toLowerCase());
    return found === undefined ? undefined : { value: found };
  },
  expects: `one of ${words.join(', ')}`,
});

/** The same, where nothing is an answer too. */
export const oneOfOrNone = <const T extends string>(words: readonly T[]): Reads<T | undefined> => ({
  parse: (value) => (value.trim() === '' ? { value: undefined } : oneOf(words).parse(value)),
  expects: `${oneOf(words).expects}, or nothing`,
});

const yes = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const no = ['0', 'f', 'F', 'FALSE', 'false', 'False'];
/** Go's words for true and false. */
export const yesOrNo: Reads<boolean> = {
  parse: (value) => {
    if (yes.includes(value.trim())) return { value: true };
    return no.includes(value.trim()) ? { value: false } : undefined;
  },
  expects: 'true or false',
  isBoolean: true,
};

export const webAddress: Reads<string> = {
  parse: (value) => (value.trim() === '' || isWebAddress(value.trim()) ? { value: value.trim() } : undefined),
  expects: 'an http or https URL',
};

/** A JSON object of strings, each name and value of which `isGood`; '' is an empty one. */
export const stringMap = (
  expects: string,
  within: (json: unknown) => unknown,
  isGood: (name: string, value: string) => boolean,
): Reads<Readonly<Record<string, string>>> => ({
  parse: (value) => {
    const entries = value.trim() === '' ? [] : entriesOf(within(json(value)));
    const strings = entries?.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    if (strings === undefined || strings.length !== entries?.length) return undefined;
    return strings.every(([name, each]) => isGood(name, each)) ? { value: Object.fromEntries(strings) } : undefined;
  },
  expects,
});

export function isWebAddress(value: string): boolean {
  const protocol = URL.parse(value)?.protocol;
  return protocol === 'http:' || protocol === 'https:';
}

function entriesOf(value: unknown): [string, unknown][] | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : undefined;
}

function json(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
