/** Plays seeds undisturbed on the simulator, and tells their ends to whoever forked it. Node names begin with `chaos-` and the seed. */
import { runOnSimulator } from '../run-on-simulator.ts';

process.once('disconnect', () => process.exit());
for (const seed of process.argv.slice(2).map(Number)) {
  const { endStates } = await runOnSimulator(seed, { isChaotic: false, isEnough: () => true, prefix: `chaos-${seed}` });
  process.send?.({ seed, endState: endStates.at(-1) });
}
process.disconnect();
