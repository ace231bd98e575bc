/** Plays seeds without chaos on the simulator, and sends their end states to the parent process. Node names start with `chaos-` and the seed. */
import { runOnSimulator } from '../run-on-simulator.ts';

process.once('disconnect', () => process.exit());
for (const seed of process.argv.slice(2).map(Number)) {
  const { endStates } = await runOnSimulator(seed, { isChaotic: false, isEnough: () => true, prefix: `chaos-${seed}` });
  process.send?.({ seed, endState: endStates.at(-1) });
}
process.disconnect();
