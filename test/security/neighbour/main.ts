/**
 * Shows how long a neighbour's cache takes beside the worst caches of a tenant, and alone, in one run:
 *
 *   npm run neighbour -- [--kubeconfig FILE] [--repetitions 9]
 *
 * FILE names a lab with the CRD and at least one node; without it, a simulation is started.
 */
import { parseArgs } from 'node:util';
import { temporaryCluster } from '../temporary-cluster.ts';
import { loads } from './loads.ts';
import { measureNeighbour, median, ratioOf, type Beside } from './measure.ts';

/** A neighbour may take this much longer. */
const most = 1.5;

const { values } = parseArgs({
  options: { kubeconfig: { type: 'string' }, repetitions: { type: 'string', default: '9' } },
});
const simulation = values.kubeconfig === undefined ? await temporaryCluster() : undefined;
const print = (beside: Beside): void => {
  const { load, alone, editsPerMinute } = beside;
  const ratio = ratioOf(beside);
  const verdict = ratio <= most ? 'held  ' : 'FAILED';
  const edits = editsPerMinute > 0 ? `, ${editsPerMinute} edits per minute` : '';
  process.stdout.write(
    `${verdict}  ${ratio.toFixed(2)} x: ${median(beside.beside)} ms beside, ${median(alone)} ms alone (medians of ${beside.beside.length} and ${alone.length}; ${beside.beside.join(' ')} and ${alone.join(' ')}): ${load}${edits}\n`,
  );
};
const measured = await measureNeighbour({
  kubeconfig: values.kubeconfig ?? simulation?.kubeconfig ?? '',
  loads,
  repetitions: Number(values.repetitions),
  onMeasured: print,
});
await simulation?.remove();
if (measured.some((each) => ratioOf(each) > most)) process.exitCode = 1;
