import type { Reads, Setting } from '#runtime/config/setting.ts';

/** A flag and, in capitals, a variable. */
export function both<T>(flag: string, fallback: string, reads: Reads<T>, doc: string): Setting<T> {
  return { flag, env: flag.replaceAll('-', '_').toUpperCase(), fallback, reads, doc };
}

export function flagOnly<T>(flag: string, fallback: string, reads: Reads<T>, doc: string): Setting<T> {
  return { flag, env: undefined, fallback, reads, doc };
}

export function envOnly<T>(env: string, fallback: string, reads: Reads<T>, doc: string): Setting<T> {
  return { flag: undefined, env, fallback, reads, doc };
}
