import type { Api } from '#runtime/api/api.ts';
import { ApiError, isNotFound } from '#runtime/errors.ts';
import { controllerDeployments, runningControllers } from '#runtime/kube-fledged/controllers.ts';
import { crdKind } from '#runtime/kube-fledged/crd-kind.ts';
import { oldJobs } from '#runtime/kube-fledged/old-jobs.ts';
import { deleteCommand, webhookConfigurations } from '#runtime/kube-fledged/webhooks.ts';
import { type Command, exitCodes, type Invocation, UsageError } from './command.ts';
import { dataText } from './print-data.ts';
import { wrapped } from './table.ts';
import { counted } from './words.ts';

/** One thing that was looked at. `blocks`: imagecache-functions can not work beside it. */
export type Finding = {
  readonly what: string;
  readonly verdict: 'good' | 'blocks' | 'note' | 'unknown';
  readonly told: string;
  /** Commands that mend it. */
  readonly commands: readonly string[];
};

export const migrate: Command = {
  summary: 'Check what of kube-fledged is in the way',
  description: `Check what of kube-fledged is in the way of imagecache-functions: its controller, its webhook, its CRD, its Jobs. Nothing is changed; each finding comes with the command that mends it.

Exit codes: 0 nothing is in the way, 1 an error, 2 something is.`,
  examples: [['What is left to do?', 'migrate --check']],
  usage: 'migrate --check',
  flags: [{ name: 'check', help: 'Look, and change nothing. There is no other way yet, so it must be said.' }],
  names: { least: 0, most: 0 },
  run: async ({ api, terminal, output, isOn }: Invocation) => {
    if (!isOn('check'))
      throw new UsageError('must specify --check: nothing is migrated by a command, see docs/migration.md');
    const findings = await Promise.all([controllers(api), webhooks(api), crd(api), jobs(api)]);
    const isBlocked = findings.some(({ verdict }) => verdict === 'blocks');
    const lines = findings.flatMap((finding) => findingLines(finding, terminal.colour));
    const end = isBlocked ? 'Something is in the way.' : 'Nothing that was seen is in the way.';
    terminal.print(dataText(output, findings) ?? [...lines, '', end].join('\n'));
    return isBlocked ? exitCodes.failed : exitCodes.good;
  },
};

const tones = { good: 'good', blocks: 'bad', note: 'busy', unknown: 'quiet' } as const;
const words = { good: 'ok', blocks: 'blocks', note: 'note', unknown: 'unknown' } as const;

function findingLines(
  { what, verdict, told, commands }: Finding,
  colour: Invocation['terminal']['colour'],
): readonly string[] {
  const indent = ' '.repeat(21);
  const [first = '', ...rest] = wrapped(told, 58);
  const word = colour(tones[verdict], words[verdict].padEnd(8));
  return [
    `${what.padEnd(11)}  ${word}${first}`,
    ...rest.map((line) => `${indent}${line}`),
    ...commands.map((command) => `${indent}${command}`),
  ];
}

/** A finding, or that it can not be had: what somebody may not read is no error of the check. */
async function found(what: string, look: () => Promise<Omit<Finding, 'what'>>): Promise<Finding> {
  try {
    return { what, ...(await look()) };
  } catch (error) {
    if (isNotFound(error)) return { what, verdict: 'good', told: 'the cluster does not serve this kind', commands: [] };
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    const told = `you may not look: ${error.message.replace(/^.*?: 403 [^:]*: /, '')}`;
    return { what, verdict: 'unknown', told, commands: [] };
  }
}

const controllers = (api: Api): Promise<Finding> =>
  found('controller', async () => {
    const deployments = await controllerDeployments(api);
    const running = await runningControllers(api);
    if (deployments.length + running.length === 0)
      return { verdict: 'good', told: 'no kube-fledged controller runs', commands: [] };
    const named = [...deployments, ...running].map(
      ({ kind, namespace, name }) => `${kind.toLowerCase()} ${namespace}/${name}`,
    );
    return {
      verdict: 'blocks',
      told: `kube-fledged runs: ${named.join(', ')}. Both would write the same caches.`,
      commands: deployments.map(
        ({ namespace, name }) => `kubectl -n ${namespace} scale deployment ${name} --replicas=0`,
      ),
    };
  });

const webhooks = (api: Api): Promise<Finding> =>
  found('webhook', async () => {
    const names = await webhookConfigurations(api);
    if (names.length === 0) return { verdict: 'good', told: 'no webhook of kube-fledged is configured', commands: [] };
    return {
      verdict: 'blocks',
      told: `kube-fledged's webhook refuses edits that are allowed now, and every write once its server is gone: ${names.join(', ')}`,
      commands: names.map(deleteCommand),
    };
  });

const crd = (api: Api): Promise<Finding> =>
  found('CRD', async () => {
    const apply = ['kubectl apply --server-side --force-conflicts -f crds/imagecache.yaml'];
    const kind = await crdKind(api);
    if (kind === 'ours') return { verdict: 'good', told: 'the CRD is that of imagecache-functions', commands: [] };
    if (kind === 'none') return { verdict: 'blocks', told: 'the CRD is missing', commands: apply };
    return { verdict: 'blocks', told: "the CRD is kube-fledged's: no status can be written", commands: apply };
  });

const jobs = (api: Api): Promise<Finding> =>
  found('Jobs', async () => {
    const left = await oldJobs(api);
    if (left.length === 0) return { verdict: 'good', told: 'no Job of kube-fledged is left', commands: [] };
    const told = `${counted(left.length, 'Job')} of kube-fledged left; imagecache-functions deletes them when it starts`;
    return { verdict: 'note', told, commands: [] };
  });
