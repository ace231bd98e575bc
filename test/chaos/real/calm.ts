/** Plays seeds undisturbed on the embedded cluster, and tells their ends to whoever forked it. Node names begin with `chaos-` and the seed. */
import { runEmbedded } from '../embedded.ts';

process.once('disconnect', () => process.exit());
for (const seed of process.argv.slice(2).map(Number)) {
  const { endings } = await runEmbedded(seed, { isChaotic: false, isEnough: () => true, prefix: `chaos-${seed}` });
  process.send?.({ seed, ending: endings.at(-1) });
}
process.disconnect();
