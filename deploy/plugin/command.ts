import type { Api } from '#runtime/api/api.ts';
import type { Terminal } from './terminal.ts';

/** One flag, as --help shows it and as it is read. */
export type Flag = {
  readonly name: string;
  readonly short?: string;
  /** What stands for the value in the help; without it the flag is a switch. */
  readonly value?: string;
  readonly isList?: boolean;
  readonly fallback?: string;
  readonly help: string;
};

export type Command = {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What it does, in paragraphs. */
  readonly description: string;
  /** Each a sentence, and the command that does it. */
  readonly examples: readonly (readonly [string, string])[];
  /** What follows `kubectl imagecache` in a call. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** How many names may be given. */
  readonly names: { readonly least: number; readonly most: number };
  /** Does it, and answers with the exit code. Throws `UsageError`, `ApiError` or `ConfigError`. */
  readonly run: (invocation: Invocation) => Promise<number>;
};

/** A call of a command: what was asked for, and what it works with. */
export type Invocation = {
  readonly api: Api;
  readonly terminal: Terminal;
  readonly names: readonly string[];
  readonly namespace: string;
  readonly allNamespaces: boolean;
  readonly output: Output;
  /** Of flags that are given or have a default. */
  readonly text: (flag: string) => string | undefined;
  readonly texts: (flag: string) => readonly string[];
  readonly isOn: (flag: string) => boolean;
};

export const outputs = ['', 'wide', 'json', 'yaml'] as const;
export type Output = (typeof outputs)[number];

/** A call that can not be made so: its sentence says what to change. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What scripts tell by. */
export const exitCodes = { good: 0, error: 1, failed: 2, timedOut: 3 } as const;
