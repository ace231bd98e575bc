import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createApi, loadCredentials } from '#runtime/api/create-api.ts';
import type { Api } from '#runtime/api/api.ts';
import type { Lab } from '../../cluster/lab.ts';
import { productProgram } from '../../support/product-programs.ts';
import type { EndState } from '../end-state.ts';
import type { SeedResult } from '../run-seed.ts';
import type { Programs } from './product.ts';
import { runRealSeed, type RealPlace } from './run-real-seed.ts';

export type RealOptions = {
  /** The number of seeds that are played concurrently. */
  readonly atOnce: number;
  readonly log?: ((line: string) => void) | undefined;
  readonly onResult?: (result: SeedResult) => void;
};

const crd = join(import.meta.dirname, '../../../crds/imagecache.yaml');

/** Plays seeds concurrently on a real control plane with simulated nodes; the API server is killed in every second batch. */
export async function runRealSeeds(
  seeds: readonly number[],
  lab: Lab,
  options: RealOptions,
): Promise<readonly SeedResult[]> {
  const { atOnce, log = () => undefined, onResult = () => undefined } = options;
  const source = { kubeconfig: lab.kubeconfig, master: '', inCluster: false };
  const api = createApi(source);
  const baseline = baselineEndStates(seeds);
  try {
    await lab.apply(await readFile(crd, 'utf8'));
    await lab.simulate(1);
    await served(api);
    const place = { ...source, api, credentials: loadCredentials(source), programs: await programFiles() };
    const results: SeedResult[] = [];
    for (let done = 0; done < seeds.length; done += atOnce) {
      const isKilled = (done / atOnce) % 2 === 0;
      const lot = {
        seeds: seeds.slice(done, done + atOnce),
        baseline: baseline.of,
        log,
        onResult,
        kill: isKilled ? () => restart(lab, log) : undefined,
      };
      results.push(...(await playLot(lot, place)));
    }
    return results;
  } finally {
    baseline.stop();
    api.close();
  }
}

type Lot = {
  readonly seeds: readonly number[];
  readonly baseline: (seed: number) => Promise<EndState>;
  readonly log: (line: string) => void;
  readonly onResult: (result: SeedResult) => void;
  /** Kills and restarts the API server. */
  readonly kill: (() => Promise<void>) | undefined;
};

async function playLot(
  { seeds, baseline, log, onResult, kill }: Lot,
  place: RealPlace,
): Promise<readonly SeedResult[]> {
  const { promise: everybody, resolve } = Promise.withResolvers<undefined>();
  let missing = seeds.length;
  const chaos = everybody.then(kill);
  return Promise.all(
    seeds.map(async (seed) => {
      const state = { isReady: false };
      const ready = (): void => {
        if (!state.isReady && (missing -= 1) === 0) resolve(undefined);
        state.isReady = true;
      };
      const begin = Date.now();
      const logLine = (line: string): void => log(`${String(Date.now() - begin).padStart(6)} ${seed} ${line}`);
      try {
        const result = await runRealSeed(place, { seed, expected: baseline(seed), ready, chaos, log: logLine });
        onResult(result);
        return result;
      } catch (error) {
        const result = { ...nothing, seed, wrong: [`could not be played: ${String(error)}`] };
        onResult(result);
        return result;
      } finally {
        ready();
      }
    }),
  );
}

const nothing = { profile: '', isLate: false, requests: 0, faults: {}, trace: '' } as const;

async function restart(lab: Lab, log: (line: string) => void): Promise<void> {
  await pause(1_500);
  log('the API server is killed');
  await lab.killDaemon('kube-apiserver');
  await lab.repair();
  log('the API server is back');
}

/** The end states of seeds without chaos, from the simulator in a separate process, one after another. */
function baselineEndStates(seeds: readonly number[]): {
  readonly of: (seed: number) => Promise<EndState>;
  readonly stop: () => void;
} {
  const endStates = new Map(seeds.map((seed) => [seed, Promise.withResolvers<EndState>()]));
  const child = fork(join(import.meta.dirname, 'baseline.ts'), seeds.map(String));
  child.on('message', ({ seed, endState }: { seed: number; endState: EndState }) =>
    endStates.get(seed)?.resolve(endState),
  );
  child.on('close', (code) => {
    for (const [seed, { promise, reject }] of endStates) {
      promise.catch(() => undefined);
      reject(new Error(`no undisturbed end of seed ${seed}: its process ended with ${code}`));
    }
  });
  return {
    of: (seed) => endStates.get(seed)?.promise ?? Promise.reject(new Error(`seed ${seed} is not played`)),
    stop: () => void child.kill('SIGKILL'),
  };
}

async function programFiles(): Promise<Programs> {
  const [standalone, sources, functions] = [productProgram(), productProgram('sources'), productProgram('functions')];
  return { standalone: await standalone, sources: await sources, functions: await functions };
}

async function served(api: Api): Promise<void> {
  for (;;)
    try {
      await api.request({ method: 'GET', path: '/apis/kubefledged.io/v1alpha2/imagecaches?limit=1' });
      return;
    } catch {
      await pause(250);
    }
}
