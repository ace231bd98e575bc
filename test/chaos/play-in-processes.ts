import { fork } from 'node:child_process';

/** Seeds per process, as every finished cluster leaves a few megabytes in memory. */
const mostInARow = 50;

/** Plays seeds in several processes at once, as each replaces its own clock, random numbers and network. Prints how far it is. */
export async function playInProcesses<Result>(
  program: string,
  seeds: readonly number[],
  processes: number,
  onResult: (result: Result) => void,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const play = (part: readonly number[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(program, ['--part', part.join()]);
      child.on('message', (result: Result) => {
        results.push(result);
        if (results.length % 25 === 0 && results.length < seeds.length)
          process.stdout.write(`${results.length} of ${seeds.length}\n`);
        onResult(result);
      });
      child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`a part ended with ${code}`))));
    });
  for (let done = 0; done < seeds.length; done += processes * mostInARow) {
    const some = seeds.slice(done, done + processes * mostInARow);
    const parts = Array.from({ length: processes }, (_, part) =>
      some.filter((_seed, index) => index % processes === part),
    );
    await Promise.all(parts.filter((part) => part.length > 0).map(play));
  }
  return results;
}

/** The whole work of a process that was started with `--part`. */
export async function playPart(part: string, play: (seed: number) => Promise<unknown>): Promise<never> {
  for (const seed of part.split(',').map(Number)) process.send?.(await play(seed));
  process.disconnect();
  process.exit();
}
