import { setTimeout as sleep } from 'node:timers/promises';

/** Looks until there is something, at most for so many seconds. Throws what it waited for. */
export async function until<T>(
  what: string,
  { seconds, pause = 200 }: { readonly seconds: number; readonly pause?: number },
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await probe();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await sleep(pause);
  }
}
