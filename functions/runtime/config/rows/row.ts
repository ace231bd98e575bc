import type { Reads, Setting } from '#runtime/config/setting.ts';

/** The default, in the format an operator writes, and the text for --help. */
type Described = { readonly fallback: string; readonly doc: string };

/** A flag and an environment variable of the same name in upper case. */
export function both<T>(flag: string, reads: Reads<T>, described: Described): Setting<T> {
  return { flag, env: flag.replaceAll('-', '_').toUpperCase(), reads, ...described };
}

export function flagOnly<T>(flag: string, reads: Reads<T>, described: Described): Setting<T> {
  return { flag, env: undefined, reads, ...described };
}

export function envOnly<T>(env: string, reads: Reads<T>, described: Described): Setting<T> {
  return { flag: undefined, env, reads, ...described };
}
