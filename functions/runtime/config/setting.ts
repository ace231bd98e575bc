import * as z from 'zod/mini';

/** One setting: a row of the tables that define flags, environment variables, defaults, help and the reference. */
export type Setting<T> = {
  /** Without dashes; undefined if only the environment sets it. */
  readonly flag?: string;
  readonly env?: string;
  /** The default, in the format an operator writes; undefined: empty text. */
  readonly fallback?: string;
  readonly parser: Parser<T>;
  /** One line for --help. */
  readonly doc: string;
  /** Whether an empty environment variable is a value; otherwise it means the default, since charts leave variables empty. */
  readonly mayBeEmpty?: boolean;
};

/** The values of some settings, by their names. */
export type Values<Rows> = {
  readonly [Name in keyof Rows]: Rows[Name] extends Setting<infer T> ? T : never;
};

type Described = Pick<Setting<unknown>, 'fallback' | 'doc' | 'mayBeEmpty'>;

/** A flag and an environment variable of the same name in upper case. */
export function both<T>(flag: string, parser: Parser<T>, described: Described): Setting<T> {
  return { flag, env: flag.replaceAll('-', '_').toUpperCase(), parser, ...described };
}

export function flagOnly<T>(flag: string, parser: Parser<T>, described: Described): Setting<T> {
  return { flag, parser, ...described };
}

export function envOnly<T>(env: string, parser: Parser<T>, described: Described): Setting<T> {
  return { env, parser, ...described };
}

/** Parses text of the operator, and describes valid text. */
export type Parser<T> = {
  /** The value, and what is logged about it at start; undefined for invalid text. */
  readonly parse: (text: string) => { readonly value: T; readonly note?: string } | undefined;
  /** Completes "expected …". */
  readonly expects: string;
  readonly isBoolean?: boolean;
};

const textOf = (isValid: (value: string) => boolean, expects: string): Parser<string> => ({
  parse: (value) => (isValid(value.trim()) ? { value: value.trim() } : undefined),
  expects,
});

export const text = textOf(() => true, 'text');

/** Parses a cron schedule, or nothing. */
export const schedule = textOf(
  (value) => /^(?:|@(?:hourly|daily|midnight|weekly|monthly|yearly|annually)|\S+(?:\s+\S+){4,5})$/.test(value),
  'a cron schedule of five or six fields, @hourly or the like, or nothing',
);

/** Whether a text is exactly a host name or address, with or without a port. */
export const isHost = (value: string): boolean =>
  /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(value) &&
  URL.canParse(`https://${value}`);

export const isWebAddress = (value: string): boolean => ['http:', 'https:'].includes(URL.parse(value)?.protocol ?? '');

export const webAddress = textOf((value) => value === '' || isWebAddress(value), 'an http or https URL');

/** Parses the address of an API server: a URL, or a host with or without a port. */
export const serverAddress = textOf(
  (value) => value === '' || isHost(value) || isWebAddress(value),
  'an http or https URL, or a host such as 127.0.0.1:6443',
);

/** The entries of a list separated by commas, each once. */
export const entriesOf = (value: string): readonly string[] => [
  ...new Set(value.split(',').flatMap((entry) => (entry.trim() === '' ? [] : [entry.trim()]))),
];

const listOf = (isValid: (entry: string) => boolean, expects: string): Parser<readonly string[]> => ({
  parse: (value) => (entriesOf(value).every(isValid) ? { value: entriesOf(value) } : undefined),
  expects: `${expects}, separated by commas`,
});

const hosts = listOf(isHost, 'hosts such as registry.local:5000');
/** Parses hosts to lower case. */
export const hostList: Parser<readonly string[]> = { ...hosts, parse: (value) => hosts.parse(value.toLowerCase()) };

export const taintKeys = listOf(
  (key) => /^(?:[a-z0-9][a-z0-9.-]*\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/.test(key),
  'keys of taints such as example.com/cold',
);

export const metadataKeys = listOf(
  (key) =>
    /^(?:[a-z0-9][a-z0-9.-]*\/\*|(?:[a-z0-9][a-z0-9.-]*\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)$/.test(key),
  'keys of labels and annotations such as cost-center or example.com/*',
);

export const namespaceNames = listOf(
  (name) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(name),
  'names of namespaces such as apps',
);

export const objectNames = listOf(
  (name) => /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/.test(name),
  'names of objects such as batch-low',
);

/** Parses a duration of at least `min` milliseconds. */
export const duration = (min: number): Parser<number> => ({
  parse: (value) => {
    const milliseconds = goDuration(value.trim());
    return milliseconds !== undefined && milliseconds >= min ? { value: milliseconds } : undefined;
  },
  expects: min > 0 ? 'a duration above 0 such as 5m, 1h30m or 300ms' : 'a duration such as 5m, 1h30m or 0s',
});

export const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER): Parser<number> => ({
  parse: (value) => {
    const number = /^\d{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN;
    return number >= min && number <= max ? { value: number } : undefined;
  },
  expects: max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min}` : `a whole number from ${min} to ${max}`,
});

/** Parses an integer as Go does. */
export const integer: Parser<number> = {
  parse: (value) => (/^[+-]?\d{1,9}$/.test(value.trim()) ? { value: Number(value) } : undefined),
  expects: 'a whole number',
};

/** Parses one of the allowed values, ignoring case. */
export const oneOf = <const T extends string>(allowed: readonly T[]): Parser<T> => ({
  parse: (value) => {
    const found = allowed.find((each) => each.toLowerCase() === value.trim().toLowerCase());
    return found === undefined ? undefined : { value: found };
  },
  expects: `one of ${allowed.join(', ')}`,
});

/** Parses one of the allowed values; kube-fledged accepts any other text and acts as with `fallback`. */
export const oneOfOrElse = <const T extends string>(allowed: readonly T[], fallback: NoInfer<T>): Parser<T> => ({
  parse: (value) => oneOf(allowed).parse(value) ?? { value: fallback, note: `${fallback} is used` },
  expects: oneOf(allowed).expects,
});

/** Parses one of the allowed values, or none if empty. */
export const oneOfOrNone = <const T extends string>(allowed: readonly T[]): Parser<T | undefined> => ({
  parse: (value) => (value.trim() === '' ? { value: undefined } : oneOf(allowed).parse(value)),
  expects: `${oneOf(allowed).expects}, or nothing`,
});

/** Parses a boolean as Go does. */
export const yesOrNo: Parser<boolean> = {
  parse: (value) => {
    if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value.trim())) return { value: true };
    return ['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value.trim()) ? { value: false } : undefined;
  },
  expects: 'true or false',
  isBoolean: true,
};

/** Parses JSON that a schema accepts; empty text is `empty`. */
export const jsonOf = <T>(schema: z.ZodMiniType<T>, empty: NoInfer<T>, expects: string): Parser<T> => ({
  parse: (value) => {
    if (value.trim() === '') return { value: empty };
    const json = jsonIn(value);
    const parsed = json === undefined ? undefined : schema.safeParse(json);
    return parsed?.success === true ? { value: parsed.data } : undefined;
  },
  expects,
});

/** Text that a condition holds for, within JSON. */
export const textThat = (isValid: (value: string) => boolean): z.ZodMiniString => z.string().check(z.refine(isValid));

/** undefined for text that is not JSON. */
export function jsonIn(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Parses a Go duration (`5m`, `1h30m`, `300ms`, `0`), the format of kube-fledged's flags, to milliseconds; undefined if it is invalid or negative. */
export function goDuration(value: string): number | undefined {
  const digits = value.startsWith('+') ? value.slice(1) : value;
  if (digits === '0') return 0;
  let milliseconds = 0;
  let read = 0;
  while (read < digits.length) {
    part.lastIndex = read;
    const [whole, amount, unit] = part.exec(digits) ?? [];
    if (whole === undefined || unit === undefined) return undefined;
    milliseconds += Number(amount) * (units[unit] ?? Number.NaN);
    read = part.lastIndex;
  }
  return read === 0 ? undefined : milliseconds;
}
