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
import { measureNeighbour, median, ratioOf, type UnderLoad } from './measure.ts';

/** A neighbour may take this much longer. */
const most = 1.5;

const { values } = parseArgs({
  options: { kubeconfig: { type: 'string' }, repetitions: { type: 'string', default: '9' } },
});
const simulation = values.kubeconfig === undefined ? await temporaryCluster() : undefined;
const times = (values: readonly number[]): string => `${median(values)} ms (${values.join(' ')})`;
const rate = ({ editsPerMinute }: Pick<UnderLoad, 'editsPerMinute'>): string =>
  editsPerMinute > 0 ? `, ${editsPerMinute} edits per minute` : '';
const print = (result: UnderLoad): void => {
  const { load, alone, control } = result;
  const ratio = ratioOf(result);
  const lines = [
    `${ratio <= most ? 'held  ' : 'FAILED'}  ${ratio.toFixed(2)} x: ${load}${rate(result)}`,
    `        ${times(result.underLoad)} under load, ${times(alone)} alone`,
    ...(control ? [`        ${times(control.underLoad)} with ${control.load}${rate(control)}`] : []),
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
