/**
 * Plays the attacks of the findings against a cluster that one names, to try one's own settings: a lab, never production.
 *
 *   npm run attack -- --kubeconfig FILE [--namespace kube-fledged] [--account imagecache-functions] [--port PORT]
 *     [--only 1,5] [--yes]
 *
 * With --port, the process listens on this machine; else `kubectl port-forward` leads to it. Settings are those of the workload;
 * NOOP_IMAGE and REMOVAL_IMAGE name its images otherwise.
 */
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { settings } from '../functions/model/builders.ts';
import { readConfig } from '#runtime/config/config.ts';
import { played, steps } from './played.ts';
import { type Kubectl, kubectlWith } from './kubectl.ts';

const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string' },
    namespace: { type: 'string', default: 'kube-fledged' },
    workload: { type: 'string', default: 'deployment/imagecache-functions' },
    account: { type: 'string', default: 'imagecache-functions' },
    port: { type: 'string', default: '' },
    only: { type: 'string', default: '' },
    yes: { type: 'boolean', default: false },
  },
});
const print = (text: string): void => void process.stdout.write(`${text}\n`);

async function isAgreed(): Promise<boolean> {
  if (values.yes) return true;
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question('\nIs this cluster a lab, and may it be attacked? Write yes: ');
  terminal.close();
  return answer.trim() === 'yes';
}

/** The variables of the workload, which are its settings; none if it does not run in the cluster. */
async function environmentOf(kubectl: Kubectl): Promise<Readonly<Record<string, string>>> {
  const variables = '{range .spec.template.spec.containers[0].env[*]}{.name}={.value}{"\\n"}{end}';
  const which = [values.workload, '-n', values.namespace];
  const { stdout } = await kubectl(['get', ...which, '-o', `jsonpath=${variables}`]);
  const pairs = [...stdout.matchAll(/^(\w+)=(.+)$/gm)];
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value] as const));
}

function wordOf(held: boolean | undefined): string {
  if (held === undefined) return 'not played';
  return held ? 'held off  ' : 'WORKED    ';
}

async function main(kubeconfig: string): Promise<number> {
  const { namespace, workload, account } = values;
  const kubectl = kubectlWith(kubeconfig);
  const server = await kubectl(['config', 'view', '--minify', '-o', 'jsonpath={.clusters[0].cluster.server}']);
  print(`cluster ${server.stdout || 'unknown'}, ${workload} and account ${account} in namespace ${namespace}\n`);
  const chosen = steps.filter(({ number }) => values.only === '' || values.only.split(',').includes(String(number)));
  for (const { number, what } of chosen) print(`  ${String(number).padStart(2)}  ${what}`);
  print(
    '\nObjects are only tried (--dry-run=server), but for a few caches that select no node, and are deleted again. Loads last some seconds each, and may end an unprotected process.',
  );
  if (!(await isAgreed())) {
    print('Nothing was done: agree, or give --yes.');
    return 2;
  }
  const installed = await environmentOf(kubectl);
  const product = settings({ ...readConfig([], { ...installed, ...process.env }).settings, namespace });
  const outcomes = await played(chosen, {
    kubectl,
    kubeconfig,
    namespace,
    workload,
    account,
    port: values.port,
    settings: product,
  });
  print('');
  for (const { number, what, held, detail } of outcomes)
    print(`${wordOf(held)}  ${String(number).padStart(2)}  ${what}${detail === '' ? '' : `: ${detail}`}`);
  return outcomes.every(({ held }) => held === true) ? 0 : 1;
}

if (values.kubeconfig === undefined) {
  print('name the cluster of a lab: npm run attack -- --kubeconfig FILE');
  process.exitCode = 2;
} else process.exitCode = await main(values.kubeconfig);
