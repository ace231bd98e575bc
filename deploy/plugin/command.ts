import type { Api } from '#runtime/api/api.ts';
import type { Terminal } from './terminal.ts';

/** A flag, for --help and for parsing. */
export type Flag = {
  readonly name: string;
  readonly short?: string;
  /** Placeholder of the value in the help; without it the flag is a switch. */
  readonly value?: string;
  readonly isList?: boolean;
  readonly fallback?: string;
  readonly help: string;
};

export type Command = {
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Paragraphs, separated by empty lines. */
  readonly description: string;
  /** Descriptions with their command lines. */
  readonly examples: readonly (readonly [string, string])[];
  /** The part of the command line after `kubectl imagecache`. */
  readonly usage: string;
  readonly flags: readonly Flag[];
  /** How many names it accepts. */
  readonly nameCount: { readonly min: number; readonly max: number };
  /** Runs it and returns the exit code. Throws `UsageError`, `ApiError` or `ConfigError`. */
  readonly run: (invocation: Invocation) => Promise<number>;
};

/** The parsed arguments of a command, with its connection and output. */
export type Invocation = {
  readonly api: Api;
  readonly terminal: Terminal;
  readonly names: readonly string[];
  readonly namespace: string;
  readonly allNamespaces: boolean;
  readonly output: Output;
  /** The value of a flag that is set or has a default. */
  readonly text: (flag: string) => string | undefined;
  readonly texts: (flag: string) => readonly string[];
  readonly isOn: (flag: string) => boolean;
};

export const outputs = ['', 'wide', 'json', 'yaml'] as const;
export type Output = (typeof outputs)[number];

/** An invalid command line; the message says what to change. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Exit codes, for scripts. */
export const exitCodes = { good: 0, error: 1, failed: 2, timedOut: 3, unproven: 3 } as const;
