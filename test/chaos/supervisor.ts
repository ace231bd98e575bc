import type { SeededRandom } from './seeded-random.ts';
import type { Network } from './network.ts';
import type { Program } from './processes.ts';
import type { Owner, VirtualTime } from './virtual-time.ts';

export type Supervisor = {
  readonly start: (programs: readonly Program[]) => void;
  /** Kills the process of an owner, which is restarted after a while. */
  readonly kill: (owner: Owner) => void;
  /** Kills all processes, which are not restarted. */
  readonly stop: () => void;
  readonly isMine: (owner: Owner | undefined) => boolean;
};

type Place = {
  readonly time: VirtualTime;
  readonly network: Network;
  readonly chance: SeededRandom;
  readonly log: (line: string) => void;
};

/** Starts programs, and restarts them when they were killed or could not start. */
export function supervisor({ time, network, chance, log }: Place): Supervisor {
  const running = new Map<Owner, Program>();
  let count = 0;
  const start = (program: Program): void => {
    count += 1;
    const owner: Owner = { name: `${program.name}#${count}`, isDead: false };
    running.set(owner, program);
    log(`${owner.name} starts`);
    time.as(owner, program.start).catch((error: unknown) => {
      log(`${owner.name} could not start: ${String(error)}`);
      end(owner, 1_000);
    });
  };
  const drop = (owner: Owner): Program | undefined => {
    const program = running.get(owner);
    if (program === undefined) return undefined;
    running.delete(owner);
    owner.isDead = true;
    network.remove(owner, chance.is(0.2) ? 'vanish' : 'reset');
    return program;
  };
  const end = (owner: Owner, ms: number): void => {
    const program = drop(owner);
    if (program !== undefined) time.after(ms, () => start(program), undefined);
  };
  return {
    start: (programs) => {
      for (const program of programs) start(program);
    },
    kill: (owner) => {
      log(`${owner.name} is killed`);
      end(owner, chance.pick([0, 500, 3_000, 15_000]));
    },
    stop: () => {
      for (const owner of [...running.keys()]) drop(owner);
    },
    isMine: (owner) => owner !== undefined && running.has(owner),
  };
}
