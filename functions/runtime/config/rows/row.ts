import type { Reads, Setting } from '#runtime/config/setting.ts';

/** The default, as an operator would write it, and the line for --help. */
type Described = { readonly fallback: string; readonly doc: string };

/** A flag, and an environment variable of the same name in capitals. */
export function both<T>(flag: string, reads: Reads<T>, described: Described): Setting<T> {
  return { flag, env: flag.replaceAll('-', '_').toUpperCase(), reads, ...described };
}

export function flagOnly<T>(flag: string, reads: Reads<T>, described: Described): Setting<T> {
  return { flag, env: undefined, reads, ...described };
}

export function envOnly<T>(env: string, reads: Reads<T>, described: Described): Setting<T> {
  return { flag: undefined, env, reads, ...described };
}
