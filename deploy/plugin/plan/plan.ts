import { pino } from 'pino';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { decide } from '#model/decide.ts';
import type { Plan } from '#model/plan.ts';
import type { Api } from '#runtime/api/api.ts';
import { type Cluster, createCluster } from '#runtime/cluster/cluster.ts';
import { ApiError } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';
import { observe } from '#runtime/drive/observe.ts';
import { readFoundImages } from '#runtime/drive/read-workloads.ts';
import { nothingAsked, worldOf } from '#runtime/drive/decide-with-others.ts';
import { type Command, exitCodes, type Invocation, UsageError } from '../command.ts';
import { dataText } from '../data-text.ts';
import { type DryRunResult, dryRun } from './dry-run.ts';
import { freeBytes } from './free-bytes.ts';
import { forecast, type Forecast } from './forecast.ts';
import { forecastLines } from './forecast-lines.ts';
import { readManifests } from './read-manifests.ts';
import { settingsInUse } from '../settings-in-use.ts';
import { type ListedNodes, listNodes } from './list-nodes.ts';

export const plan: Command = {
  summary: 'Show what applying a file would pull and remove, and where',
  description: `Show what applying a file would pull and remove, and where. Nothing is stored, pulled or removed.

The API server validates the file as in a dry run of kubectl apply. The decision is that of the functions, with the settings of the Deployment in the cluster. It relies on the images that nodes report, at most 50 per node; the size of an image is known if a node reports it. Registries are not asked. An image that a container uses is not removed, which is not known here. Free space is asked of the kubelets if you may get nodes/proxy.`,
  examples: [
    ['Show what applying this file would pull', 'plan -f cache.yaml'],
    ['The same for the output of a program, as JSON', 'plan -f - -o json'],
  ],
  usage: 'plan -f FILENAME',
  flags: [
    {
      name: 'filename',
      short: 'f',
      value: 'FILE',
      isList: true,
      help: 'A file with ImageCaches, in YAML or JSON; - is standard input. May be repeated.',
    },
  ],
  nameCount: { min: 0, max: 0 },
  run,
};

async function run({ api, terminal, namespace, output, texts }: Invocation): Promise<number> {
  if (texts('filename').length === 0) throw new UsageError('must specify --filename (-f)');
  const manifests = await readManifests(texts('filename'), terminal.input);
  const results: DryRunResult[] = [];
  for (const manifest of manifests) results.push(await dryRun(api, manifest, manifest.metadata.namespace ?? namespace));
  const [listed, { settings, origin }] = await Promise.all([listNodes(api), settingsInUse(api)]);
  const cluster = readOnlyCluster(api, listed);
  const context: Context = {
    ...{ cluster, settings, log: pino({ level: 'silent' }), now: Date.now, signal: new AbortController().signal },
    // Registries that the cluster reaches may be unreachable from here.
    registry: {
      digest: () => Promise.resolve({ type: 'unknown', reason: 'not asked' }),
      anonymousPull: () => Promise.resolve(undefined),
    },
    readsPullSecrets: false,
  };
  const forecasts: Forecast[] = [];
  const others = await otherCaches(cluster);
  for (const { cache: read, isNew } of results) {
    const cache = await readFoundImages(context)(read);
    if (cache.found.problem !== '') terminal.note(`${cache.name}: ${cache.found.problem}`);
    forecasts.push(await forecastOf({ cache, isNew }, { ...listed, others, api }, context));
  }
  const data = dataText(output, forecasts);
  terminal.print(
    data ??
      forecasts
        .flatMap((each) => [...forecastLines(each, output === 'wide'), ''])
        .join('\n')
        .trimEnd(),
  );
  terminal.note(`\nNothing was changed. Decided with ${origin}.`);
  return exitCodes.good;
}

/** A cluster with nodes that were already listed, and defaults for what the user may not read. */
function readOnlyCluster(api: Api, { nodes }: ListedNodes): Cluster {
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

/** The reasons for which any function may open a round. */
const opens = ['Spec', 'Adopted', 'Workloads', 'Annotation', 'Schedule', 'Purge'] as const;

/** All caches of the cluster; none if the user may not list them. */
async function otherCaches(cluster: Cluster): Promise<readonly ImageCache[]> {
  try {
    return await cluster.caches();
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return [];
    throw error;
  }
}

type Surroundings = ListedNodes & { readonly others: readonly ImageCache[]; readonly api: Api };

/** The decision of the functions for the cache of a dry run. */
async function forecastOf(
  { cache, isNew }: DryRunResult,
  { nodes, sizes, others, api }: Surroundings,
  context: Context,
): Promise<Forecast> {
  const caller = { opens, makes: 'pulls' } as const;
  const observed = await observe(cache, 'everything', caller, context);
  const decision: Plan = decide(worldOf({ before: cache, observed, ...caller, ...nothingAsked }, context));
  const known = {
    ...{ cache, isNew, plan: decision, nodes, sizes, settings: context.settings },
    others: others.filter(({ namespace, name }) => namespace !== cache.namespace || name !== cache.name),
  };
  const pulling = forecast({ ...known, free: new Map() }).nodes.filter(({ pull }) => pull.length > 0);
  const free = await freeBytes(
    api,
    pulling.map(({ name }) => name),
  );
  return forecast({ ...known, free });
}
