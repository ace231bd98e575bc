import type { Api } from '#runtime/api/api.ts';
import { controllerDeployments, runningControllers } from '#runtime/kube-fledged/controllers.ts';
import { crdKind } from '#runtime/cluster/caches.ts';
import { oldJobs } from '#runtime/kube-fledged/old-jobs.ts';
import { deleteCommand, webhookConfigurations } from '#runtime/kube-fledged/webhooks.ts';
import { readText } from '../read-objects.ts';
import { type Command, exitCodes, type Invocation, UsageError } from '../command.ts';
import { dataText } from '../data-text.ts';
import { wrapped } from '../table.ts';
import { counted } from '../units.ts';
import { cacheDifferences, nodeDifferences } from './cluster-differences.ts';
import { finding, type Finding } from './finding.ts';
import { flagDifferences, valueDifferences } from './flag-differences.ts';

export const migrate: Command = {
  summary: 'Check what is left of kube-fledged, and what will differ',
  description: `Check whether the controller, the webhook, the CRD or Jobs of kube-fledged are left and block imagecache-functions, and what will not behave the same. Nothing is changed; each finding has the command that fixes it.

Exit codes: 0 nothing blocks, 1 an error, 2 something blocks.`,
  examples: [
    ['Show what has to be done', 'migrate --check'],
    ['Also check the values that kube-fledged was installed with', 'migrate --check --values values.yaml'],
  ],
  usage: 'migrate --check',
  flags: [
    { name: 'check', help: 'Only check, change nothing. Required.' },
    { name: 'values', value: 'FILE', help: 'Values of the kube-fledged chart to check; - reads standard input.' },
  ],
  nameCount: { min: 0, max: 0 },
  run: async ({ api, terminal, output, isOn, text, namespace }: Invocation) => {
    if (!isOn('check'))
      throw new UsageError('must specify --check: the migration itself is described in docs/migration.md');
    const file = text('values');
    const values = file === undefined ? undefined : await readText(file, terminal.input);
    const left = [controllers(api), webhooks(api), crd(api), jobs(api)];
    const findings = [...(await Promise.all(left)), ...(await differencesIn({ api, namespace, values }))];
    const isBlocked = findings.some(({ verdict }) => verdict === 'blocks');
    const lines = findings.flatMap((each) => findingLines(each, terminal.colour));
    const summary = isBlocked ? 'Something blocks imagecache-functions.' : 'Nothing that could be checked blocks.';
    terminal.print(dataText(output, findings) ?? [...lines, '', summary].join('\n'));
    return isBlocked ? exitCodes.failed : exitCodes.good;
  },
};

type Checked = { readonly api: Api; readonly namespace: string; readonly values: string | undefined };

/** What works otherwise than with kube-fledged, as the table of docs/migration.md has it. */
async function differencesIn({ api, namespace, values }: Checked): Promise<readonly Finding[]> {
  const found = await Promise.all([
    flagDifferences(api),
    ...(values === undefined ? [] : [valueDifferences(values, namespace, api)]),
    nodeDifferences(api),
    cacheDifferences(api),
  ]);
  return found.flat();
}

const tones = { good: 'good', blocks: 'bad', differs: 'busy', note: 'busy', unknown: 'quiet' } as const;
const verdicts = { good: 'ok', blocks: 'blocks', differs: 'differs', note: 'note', unknown: 'unknown' } as const;

function findingLines(
  { what, verdict, message, commands }: Finding,
  colour: Invocation['terminal']['colour'],
): readonly string[] {
  const indent = ' '.repeat(21);
  const [first = '', ...rest] = wrapped(message, 58);
  const label = colour(tones[verdict], verdicts[verdict].padEnd(8));
  return [
    `${what.padEnd(11)}  ${label}${first}`,
    ...rest.map((line) => `${indent}${line}`),
    ...commands.map((command) => `${indent}${command}`),
  ];
}

const controllers = (api: Api): Promise<Finding> =>
  finding('controller', async () => {
    const deployments = await controllerDeployments(api);
    const running = await runningControllers(api);
    if (deployments.length + running.length === 0)
      return { verdict: 'good', message: 'no controller of kube-fledged runs', commands: [] };
    const named = [...deployments, ...running].map(
      ({ kind, namespace, name }) => `${kind.toLowerCase()} ${namespace}/${name}`,
    );
    return {
      verdict: 'blocks',
      message: `kube-fledged runs: ${named.join(', ')}. Both would write the same caches.`,
      commands: deployments.map(
        ({ namespace, name }) => `kubectl -n ${namespace} scale deployment ${name} --replicas=0`,
      ),
    };
  });

const webhooks = (api: Api): Promise<Finding> =>
  finding('webhook', async () => {
    const names = await webhookConfigurations(api);
    if (names.length === 0)
      return { verdict: 'good', message: 'no webhook of kube-fledged is configured', commands: [] };
    return {
      verdict: 'blocks',
      message: `the webhook of kube-fledged rejects edits that are now valid, and every write without its server: ${names.join(', ')}`,
      commands: names.map(deleteCommand),
    };
  });

const crd = (api: Api): Promise<Finding> =>
  finding('CRD', async () => {
    const apply = ['kubectl apply --server-side --force-conflicts -f crds/imagecache.yaml'];
    const kind = await crdKind(api);
    if (kind === 'ours') return { verdict: 'good', message: 'the CRD is that of imagecache-functions', commands: [] };
    if (kind === 'none') return { verdict: 'blocks', message: 'the CRD is missing', commands: apply };
    return { verdict: 'blocks', message: 'the CRD is that of kube-fledged: no status can be written', commands: apply };
  });

const jobs = (api: Api): Promise<Finding> =>
  finding('Jobs', async () => {
    const left = await oldJobs(api);
    if (left.length === 0) return { verdict: 'good', message: 'no Job of kube-fledged is left', commands: [] };
    const message = `${counted(left.length, 'Job')} of kube-fledged left; imagecache-functions deletes them when it starts`;
    return { verdict: 'note', message, commands: [] };
  });
