import { setTimeout as sleep } from 'node:timers/promises';

/** The first answer that is wanted, asked for again and again. Throws with the last one after five seconds. */
export const eventually = async <T>(ask: () => Promise<T>, isWanted: (answer: T) => boolean): Promise<T> => {
  const end = Date.now() + 5_000;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`still ${JSON.stringify(answer)}`);
    await sleep(15);
  }
};
