import crypto from 'node:crypto';
import files from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers';
import timersPromises from 'node:timers/promises';
import type { SeededRandom } from './seeded-random.ts';
import type { VirtualTime } from './virtual-time.ts';

/** Replaces the sources of time, random numbers and identifiers in this process; returns a function that restores them. */
export function virtualBuiltins(time: VirtualTime, chance: SeededRandom): () => void {
  const undo: (() => void)[] = [];
  const replace = (object: object, changes: Readonly<Record<string, unknown>>): void => {
    const before = Object.fromEntries(Object.keys(changes).map((name) => [name, Reflect.get(object, name)]));
    Object.assign(object, changes);
    undo.push(() => Object.assign(object, before));
  };
  const timer = timerFunctions(time);
  replace(globalThis, timer);
  replace(timers, timer);
  replace(timersPromises, { setTimeout: pauseOn(time) });
  replace(Date, { now: time.now });
  replace(performance, { now: time.now });
  replace(Math, { random: chance.next });
  replace(AbortSignal, { timeout: timeoutOn(time) });
  replace(crypto, {
    randomUUID: () => uuid(chance),
    randomInt: (limit: number) => Math.floor(chance.next() * limit),
    randomBytes: (length: number) => Buffer.from(Array.from({ length }, () => chance.between(0, 255))),
  });
  const { readFile } = files;
  replace(
    files,
    noFiles((...args) => Reflect.apply(readFile, files, args)),
  );
  syncBuiltinESMExports();
  return () => {
    for (const each of undo.toReversed()) each();
    syncBuiltinESMExports();
  };
}

type Handle = { readonly cancel: () => void; readonly ref: () => Handle; readonly unref: () => Handle };

function timerFunctions(time: VirtualTime): Readonly<Record<string, unknown>> {
  const handleOf = (cancel: () => void): Handle => {
    const handle: Handle = { cancel, ref: () => handle, unref: () => handle };
    return handle;
  };
  const isHandle = (value: unknown): value is Handle =>
    typeof value === 'object' && value !== null && 'cancel' in value;
  const clear = (handle: unknown): void => {
    if (isHandle(handle)) handle.cancel();
  };
  return {
    setTimeout: (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
      handleOf(time.after(ms, () => run(...args))),
    setInterval: (run: () => void, ms = 0) => {
      let cancel = (): void => undefined;
      const again = (): void => {
        cancel = time.after(Math.max(1, ms), () => {
          again();
          run();
        });
      };
      again();
      return handleOf(() => cancel());
    },
    clearTimeout: clear,
    clearInterval: clear,
  };
}

const pauseOn =
  (time: VirtualTime) =>
  (ms = 0, value?: unknown, { signal }: { readonly signal?: AbortSignal } = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        cancel();
        const error = new Error('The operation was aborted', { cause: signal?.reason });
        reject(Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' }));
      };
      const cancel = time.after(ms, () => {
        signal?.removeEventListener('abort', stop);
        resolve(value);
      });
      if (signal?.aborted === true) stop();
      else signal?.addEventListener('abort', stop, { once: true });
    });

const timeoutOn =
  (time: VirtualTime) =>
  (ms: number): AbortSignal => {
    const controller = new AbortController();
    time.after(ms, () => controller.abort(new DOMException('The operation timed out', 'TimeoutError')));
    return controller.signal;
  };

/** Disks take real time, so optional files do not exist, and files that are only written are discarded. */
function noFiles(readFile: (...args: readonly unknown[]) => unknown): Readonly<Record<string, unknown>> {
  const absent = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
  return {
    readFile: (path: string, ...rest: unknown[]) =>
      path === '/oidc/token' ? Promise.reject(absent) : readFile(path, ...rest),
    writeFile: () => Promise.resolve(),
    rm: () => Promise.resolve(),
  };
}

function uuid(chance: SeededRandom): string {
  const digits = Array.from({ length: 32 }, () => chance.between(0, 15).toString(16)).join('');
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
