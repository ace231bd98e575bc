import * as z from 'zod/mini';
import { parse } from 'yaml';
import type { Api } from '#runtime/api/api.ts';
import { readConfig, type Config } from '#runtime/config/config.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { ConfigError } from '#runtime/errors.ts';
import { controllerArguments } from '#runtime/kube-fledged/controllers.ts';
import { UsageError } from '../command.ts';
import { chartValues, type ChartValue } from './chart-values.ts';
import { differs, findings, type Finding } from './finding.ts';

type Difference = Omit<Finding, 'what'>;

const minute = 60_000;

/** What kube-fledged's controllers in the cluster are started with that works otherwise here. */
export const flagDifferences = (api: Api): Promise<readonly Finding[]> =>
  findings('flags', async () => {
    const controllers = await controllerArguments(api);
    const found = controllers.map(({ namespace, args }) => differencesOf(args, namespace, api));
    return (await Promise.all(found)).flat();
  });

const valuesFile = z.record(z.string(), z.unknown());
const argsOfValues = z.catch(z.record(z.string(), z.unknown()), {});

/** The flags that kube-fledged's chart makes of its values. */
const flags: Readonly<Record<string, string>> = {
  controllerImagePullDeadlineDuration: 'image-pull-deadline-duration',
  controllerImageCacheRefreshFrequency: 'image-cache-refresh-frequency',
  controllerImagePullPolicy: 'image-pull-policy',
  controllerServiceAccountName: 'service-account-name',
  controllerImageDeleteJobHostNetwork: 'image-delete-job-host-network',
  controllerJobPriorityClassName: 'job-priority-class-name',
  controllerJobRetentionPolicy: 'job-retention-policy',
  controllerCRISocketPath: 'cri-socket-path',
  controllerJobsMaxSurge: 'jobs-max-surge',
};

/** The same for a values file of kube-fledged's chart, to be installed in a namespace. Throws `UsageError` if it is none. */
export const valueDifferences = (text: string, namespace: string, api: Api): Promise<readonly Finding[]> =>
  findings('values', async () => {
    const values = valuesIn(text);
    const args = argsOfValues.parse(values['args']);
    const found = chartValues(values);
    const invalid = new Set(found.filter(({ verdict }) => verdict === 'invalid').map(({ path }) => path));
    const argv = Object.entries(flags).flatMap(([value, flag]) => {
      const given = args[value];
      const isFlag = ['string', 'number', 'boolean'].includes(typeof given) && given !== '';
      return isFlag && !invalid.has(`args.${value}`) ? [`--${flag}=${String(given)}`] : [];
    });
    return [
      ...found.flatMap((each) => refusal(each)),
      ...ignoredValues(found),
      ...(await differencesOf(argv, namespace, api)),
    ];
  });

function refusal({ path, verdict, problem }: ChartValue): readonly Difference[] {
  if (verdict === 'ignored') return [];
  const what =
    verdict === 'unknown'
      ? `the chart refuses the value ${path}, which kube-fledged's ignores: remove it`
      : `the chart refuses the value ${path}: ${problem}`;
  return [{ verdict: 'blocks', message: what, commands: [] }];
}

function ignoredValues(found: readonly ChartValue[]): readonly Difference[] {
  const paths = found.filter(({ verdict }) => verdict === 'ignored').map(({ path }) => path);
  return paths.length === 0
    ? []
    : [differs(`values of kube-fledged's chart that have no effect here (docs/helm-values.md): ${paths.join(', ')}`)];
}

function valuesIn(text: string): z.infer<typeof valuesFile> {
  const values = valuesFile.safeParse(parse(text) ?? {});
  if (values.success) return values.data;
  throw new UsageError('the file of --values is no values file of a chart');
}

async function differencesOf(argv: readonly string[], namespace: string, api: Api): Promise<readonly Difference[]> {
  const config = configOf(argv);
  if (typeof config === 'string')
    return [{ verdict: 'blocks', message: `imagecache-functions does not start with this: ${config}`, commands: [] }];
  return [
    ...config.notes.map((note) => differs(note)),
    ...timeDifferences(config),
    ...(await accountDifferences(config, namespace, api)),
  ];
}

function configOf(argv: readonly string[]): Config | string {
  try {
    return readConfig(argv, {});
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

function timeDifferences({ settings }: Config): readonly Difference[] {
  const { imagePullDeadline, jobRetentionPolicy } = settings;
  return [
    ...(imagePullDeadline === 0
      ? [differs('--image-pull-deadline-duration=0s is no limit, where the Jobs of kube-fledged end after an hour')]
      : []),
    ...(imagePullDeadline > 0 && imagePullDeadline < minute
      ? [differs('--image-pull-deadline-duration counts per image: for its Pod to start, and then for each image')]
      : []),
    ...(jobRetentionPolicy === 'Retain'
      ? [
          differs(
            '--job-retention-policy=retain keeps a pull Job until newer ones hold the same images on its node, and a removal Job until a newer one has ended there',
          ),
        ]
      : []),
  ];
}

async function accountDifferences({ settings }: Config, namespace: string, api: Api): Promise<readonly Difference[]> {
  const name = settings.serviceAccountName;
  if (name === '' || (await createCluster(api).hasServiceAccount(namespace, name))) return [];
  const message = `removal Jobs run in ${namespace}, as the default account until there is an account ${name}`;
  return [differs(message, `kubectl -n ${namespace} create serviceaccount ${name}`)];
}
