import { pino } from 'pino';
import { decide } from '#model/decide.ts';
import type { Plan } from '#model/plan.ts';
import type { Api } from '#runtime/api/api.ts';
import { type Cluster, createCluster } from '#runtime/cluster/cluster.ts';
import { ApiError } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { observe } from '#runtime/drive/observe.ts';
import { worldOf } from '#runtime/drive/world-of.ts';
import { type Command, exitCodes, type Invocation, UsageError } from '../command.ts';
import { dataText } from '../print-data.ts';
import { type Applied, dryRun } from './dry-run.ts';
import { forecast, type Forecast } from './forecast.ts';
import { forecastLines } from './forecast-lines.ts';
import { readManifests } from './manifests.ts';
import { settingsInUse } from './settings-in-use.ts';
import { type SizedNodes, sizedNodes } from './sized-nodes.ts';

export const plan: Command = {
  summary: 'Show what applying a file would pull, and where',
  description: `Show what applying a file would pull, and where. Nothing is stored and nothing is pulled.

The API server judges the file as it would when you apply it (a dry run), and then the very functions that do the work decide on it, with the settings of the Deployment that runs in the cluster. What nodes have is what they report; a node's list holds 50 images at the most. Sizes are known of images that some node lists. Registries are not asked.`,
  examples: [
    ['What would this file do?', 'plan -f cache.yaml'],
    ['The same for what a program prints, as data', 'plan -f - -o json'],
  ],
  usage: 'plan -f FILENAME',
  flags: [
    {
      name: 'filename',
      short: 'f',
      value: 'FILE',
      isList: true,
      help: 'A file with ImageCaches, in YAML or JSON; - is standard input. May be given more than once.',
    },
  ],
  names: { least: 0, most: 0 },
  run,
};

async function run({ api, terminal, namespace, output, texts }: Invocation): Promise<number> {
  if (texts('filename').length === 0) throw new UsageError('must specify --filename (-f)');
  const manifests = await readManifests(texts('filename'), terminal.input);
  const trials: Applied[] = [];
  for (const manifest of manifests) trials.push(await dryRun(api, manifest, manifest.metadata.namespace ?? namespace));
  const [nodes, { settings, from }] = await Promise.all([sizedNodes(api), settingsInUse(api)]);
  const cluster = readingCluster(api, nodes);
  const context: Context = {
    ...{ cluster, settings, log: pino({ level: 'silent' }), now: Date.now, signal: new AbortController().signal },
    // Whoever plans need not reach the registries that the cluster reaches.
    registry: { digest: () => Promise.resolve({ type: 'unknown', reason: 'not asked' }) },
    readsPullSecrets: false,
  };
  const forecasts: Forecast[] = [];
  for (const trial of trials) forecasts.push(await forecastOf(trial, nodes, context));
  const data = dataText(output, forecasts);
  terminal.print(
    data ??
      forecasts
        .flatMap((each) => [...forecastLines(each, output === 'wide'), ''])
        .join('\n')
        .trimEnd(),
  );
  terminal.note(`\nNothing was changed. Decided with ${from}.`);
  return exitCodes.good;
}

/** The nodes are read already, and what the person may not read is taken for what is usual. */
function readingCluster(api: Api, { nodes }: SizedNodes): Cluster {
  const cluster = createCluster(api);
  return {
    ...cluster,
    nodes: () => Promise.resolve(nodes),
    userOf: () => Promise.resolve(65532),
    removals: async (namespace) => {
      try {
        return namespace === '' ? [] : await cluster.removals(namespace);
      } catch (error) {
        if (error instanceof ApiError && error.status === 403) return [];
        throw error;
      }
    },
  };
}

/** All that any function may open a round for. */
const opens = ['Spec', 'Adopted', 'Annotation', 'Schedule', 'Purge'] as const;

/** The decision that the functions would take, were the cache as the API server says it would be. */
async function forecastOf(
  { cache, isNew }: Applied,
  { nodes, sizes }: SizedNodes,
  context: Context,
): Promise<Forecast> {
  const observed = await observe(cache, { scope: 'everything', opens, makes: 'pulls' }, context);
  const decided: Plan = decide(
    worldOf({ before: cache, observed, opens, makes: 'pulls', resolutions: new Map() }, context),
  );
  return forecast({ cache, isNew, plan: decided, nodes, sizes });
}
