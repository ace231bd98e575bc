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
const times = (values: readonly number[]): string => `${median(values)} ms (${values.join(' ')})`;
const rate = ({ editsPerMinute }: Pick<Beside, 'editsPerMinute'>): string =>
  editsPerMinute > 0 ? `, ${editsPerMinute} edits per minute` : '';
const print = (beside: Beside): void => {
  const { load, alone, control } = beside;
  const ratio = ratioOf(beside);
  const lines = [
    `${ratio <= most ? 'held  ' : 'FAILED'}  ${ratio.toFixed(2)} x: ${load}${rate(beside)}`,
    `        ${times(beside.beside)} beside, ${times(alone)} alone`,
    ...(control ? [`        ${times(control.beside)} beside ${control.load}${rate(control)}`] : []),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
};
const measured = await measureNeighbour({
  kubeconfig: values.kubeconfig ?? simulation?.kubeconfig ?? '',
  loads,
  repetitions: Number(values.repetitions),
  onMeasured: print,
});
await simulation?.remove();
if (measured.some((each) => ratioOf(each) > most)) process.exitCode = 1;
