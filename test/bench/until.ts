import { setTimeout as sleep } from 'node:timers/promises';

/** Polls until the probe returns a value. Throws after this many seconds. */
export async function until<T>(
  what: string,
  { seconds, pause = 200 }: { readonly seconds: number; readonly pause?: number },
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`timed out after ${seconds} s: ${what}`);
    await sleep(pause);
  }
}
