import { goDuration } from './go-duration.ts';

/** One setting: a row of the table that defines flags, environment variables, defaults and help. */
export type Setting<T> = {
  /** Without dashes; undefined if only the environment sets it. */
  readonly flag: string | undefined;
  readonly env: string | undefined;
  /** The default, in the format an operator writes. */
  readonly fallback: string;
  readonly reads: Reads<T>;
  /** One line for --help. */
  readonly doc: string;
  /** Whether an empty environment variable is a value; otherwise it means the default, since charts leave variables empty. */
  readonly mayBeEmpty?: boolean;
};

/** A parsed value, and what the operator should know about it, which is logged at start. */
export type Read<T> = { readonly value: T; readonly note?: string };

/** Parses a value, and describes valid ones. */
export type Reads<T> = {
  /** The value, wrapped since it may itself be undefined; undefined for invalid text. */
  readonly parse: (text: string) => Read<T> | undefined;
  /** Completes "expected …". */
  readonly expects: string;
  readonly isBoolean?: boolean;
};

export const text: Reads<string> = { parse: (value) => ({ value: value.trim() }), expects: 'text' };

/** Parses a duration to milliseconds. */
export const duration = (min: number): Reads<number> => ({
  parse: (value) => {
    const milliseconds = goDuration(value.trim());
    return milliseconds !== undefined && milliseconds >= min ? { value: milliseconds } : undefined;
  },
  expects: min > 0 ? 'a duration above 0 such as 5m, 1h30m or 300ms' : 'a duration such as 5m, 1h30m or 0s',
});

/** Parses a comma-separated list of taint keys. */
export const taintKeys: Reads<readonly string[]> = {
  parse: (value) => {
    const keys = value.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]));
    return keys.every((key) => taintKey.test(key)) ? { value: keys } : undefined;
  },
  expects: 'keys of taints such as example.com/cold, separated by commas',
};

/** Parses a comma-separated list of namespaces, without duplicates. */
export const namespaceNames: Reads<readonly string[]> = {
  parse: (value) => {
    const names = value.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]));
    return names.every((name) => namespaceName.test(name)) ? { value: [...new Set(names)] } : undefined;
  },
  expects: 'names of namespaces such as apps, separated by commas',
};

/** Parses a comma-separated list of names of objects, without duplicates. */
export const objectNames: Reads<readonly string[]> = {
  parse: (value) => {
    const names = value.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]));
    return names.every((name) => objectName.test(name)) ? { value: [...new Set(names)] } : undefined;
  },
  expects: 'names of objects such as batch-low, separated by commas',
};

const objectName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

const namespaceName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const taintKey = /^(?:[a-z0-9][a-z0-9.-]*\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

export const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER): Reads<number> => ({
  parse: (value) => {
    const number = /^\d{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
    return number >= min && number <= max ? { value: number } : undefined;
  },
  expects: max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`,
});

/** Parses an integer as Go does. */
export const integer: Reads<number> = {
  parse: (value) => (/^[+-]?\d{1,9}$/.test(value.trim()) ? { value: Number(value) } : undefined),
  expects: 'a whole number',
};

/** Parses one of the allowed values, ignoring case. */
export const oneOf = <const T extends string>(allowed: readonly T[]): Reads<T> => ({
  parse: (value) => {
    const found = allowed.find((each) => each.toLowerCase() === value.trim().toLowerCase());
    return found === undefined ? undefined : { value: found };
  },
  expects: `one of ${allowed.join(', ')}`,
});

/** Parses one of the allowed values; kube-fledged accepts any other text and acts as with `fallback`. */
export const oneOfOrElse = <const T extends string>(allowed: readonly T[], fallback: NoInfer<T>): Reads<T> => ({
  parse: (value) => oneOf(allowed).parse(value) ?? { value: fallback, note: `${fallback} is used` },
  expects: oneOf(allowed).expects,
});

/** Parses one of the allowed values, or none if empty. */
export const oneOfOrNone = <const T extends string>(allowed: readonly T[]): Reads<T | undefined> => ({
  parse: (value) => (value.trim() === '' ? { value: undefined } : oneOf(allowed).parse(value)),
  expects: `${oneOf(allowed).expects}, or nothing`,
});

const yes = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const no = ['0', 'f', 'F', 'FALSE', 'false', 'False'];
/** Parses a boolean as Go does. */
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

/** Parses the address of an API server: a URL, or a host with or without a port. */
export const serverAddress: Reads<string> = {
  parse: (value) => (isHost(value.trim()) ? { value: value.trim() } : webAddress.parse(value)),
  expects: 'an http or https URL, or a host such as 127.0.0.1:6443',
};

/** Whether a text is exactly a host name or address, with or without a port. */
export const isHost = (text: string): boolean =>
  /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(text) && URL.canParse(`https://${text}`);

/** Parses a JSON object of strings whose entries are all valid; empty text is an empty object. */
export const stringMap = (
  expects: string,
  within: (json: unknown) => unknown,
  isValid: (name: string, value: string) => boolean,
): Reads<Readonly<Record<string, string>>> => ({
  parse: (value) => {
    const entries = value.trim() === '' ? [] : entriesOf(within(json(value)));
    const strings = entries?.filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    if (strings === undefined || strings.length !== entries?.length) return undefined;
    return strings.every(([name, each]) => isValid(name, each)) ? { value: Object.fromEntries(strings) } : undefined;
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

/** undefined for text that is not JSON. */
export function json(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
