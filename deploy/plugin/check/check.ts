import { type Command, exitCodes, type Invocation, UsageError } from '../command.ts';
import { dataText } from '../data-text.ts';
import { checkLines, summaryLine } from './check-lines.ts';
import { checkWorkload, worst } from './check-workload.ts';
import { readCaches, readNodes } from './read-evidence.ts';
import { serialPullsAdvice } from './serial-pulls.ts';
import { type FoundWorkload, workloadNamed, workloadsInFiles } from './read-workloads.ts';

export const check: Command = {
  summary: 'Check whether Pods would start without the registry',
  description: `Check whether Pods would start with the registry switched off: on every node that they may be scheduled to, or on one. Nothing is created.

An image must be on the node under its name, the Pod must be allowed to start it (kubelets of 1.35 and newer remember with whose credentials it was pulled), and the pull policy must not be Always. Nodes, ImageCaches, the workloads and their service accounts are read, with your rights; Secrets are not. What these do not show is reported as unproven. If you may get nodes/proxy, kubelets are asked whether they pull one image after another, which is then said on stderr.

Exit codes: 0 all would start, 1 an error, 2 some would not start, 3 none is known to fail, but some are unproven.`,
  examples: [
    ['Check the Pods of a manifest on all nodes that they may be scheduled to', 'check -f deployment.yaml'],
    ['Check the output of a program on one node', 'check -f - --node=edge-7'],
    ['Check a Deployment of the cluster, with all facts as JSON', 'check deployment/web -o json'],
  ],
  usage: 'check (-f FILE | KIND/NAME)',
  flags: [
    {
      name: 'filename',
      short: 'f',
      value: 'FILE',
      isList: true,
      help: 'A file with Pods or workloads, in YAML or JSON; - is standard input. May be repeated.',
    },
    { name: 'node', value: 'NAME', help: 'Check only this node.' },
  ],
  nameCount: { min: 0, max: Infinity },
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { api, terminal, output, text } = invocation;
  const found = await workloads(invocation);
  const namespaces = new Set(found.map(({ workload }) => workload.namespace));
  const [nodes, caches] = await Promise.all([readNodes(api, text('node')), readCaches(api, [...namespaces])]);
  const now = Date.now();
  const checks = found.map(({ workload, pullSecrets }) =>
    checkWorkload(workload, { nodes, pullSecrets, ...caches, now }),
  );
  const width = Math.min(terminal.width ?? 80, 120);
  const view = { colour: terminal.colour, isWide: output === 'wide', width };
  const lines = checks.flatMap((each) => [...checkLines(each, view), '']);
  terminal.print(dataText(output, checks) ?? [...lines, summaryLine(checks)].join('\n'));
  if (!caches.hasAllCaches) terminal.note('Some ImageCaches could not be read, such as those of other namespaces.');
  const advice = await serialPullsAdvice(api, [
    ...new Set(checks.flatMap((each) => each.nodes.map(({ name }) => name))),
  ]);
  if (advice !== '') terminal.note(advice);
  return codes[worst(checks)];
}

const codes = { starts: exitCodes.good, fails: exitCodes.failed, unproven: exitCodes.unproven } as const;

async function workloads({ names, namespace, api, terminal, texts }: Invocation): Promise<readonly FoundWorkload[]> {
  const files = texts('filename');
  if ((files.length === 0) === (names.length === 0))
    throw new UsageError('must specify either --filename (-f) or KIND/NAME');
  if (files.length === 0) return Promise.all(names.map((name) => workloadNamed(name, { api, namespace })));
  const { found, ignored } = await workloadsInFiles(files, terminal.input, { api, namespace });
  for (const name of ignored) terminal.note(`${name} is not checked: its kind is not known.`);
  return found;
}
