import * as z from 'zod/mini';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';
import { type Command, exitCodes, type Invocation, UsageError } from '../command.ts';
import { dataText } from '../print-data.ts';
import { cut, table } from '../table.ts';
import { ageInWords, byName } from '../words.ts';
import { report, type Report } from './report.ts';
import { reportLines } from './report-lines.ts';

export const status: Command = {
  summary: 'Show caches, or one cache by nodes and images',
  description: `Show caches, or one cache by nodes and images: failures first, with the reasons that the nodes gave.`,
  examples: [
    ['All caches of the namespace', 'status'],
    ['All caches of the cluster, those in trouble first', 'status -A'],
    ['What is where, and why not', 'status web'],
  ],
  usage: 'status [NAME]',
  flags: [],
  names: { least: 0, most: 1 },
  run: (invocation) => (invocation.names[0] === undefined ? list(invocation) : one(invocation, invocation.names[0])),
};

async function one({ api, terminal, namespace, output }: Invocation, name: string): Promise<number> {
  const cache = await createCluster(api).cache({ namespace, name });
  if (cache === undefined)
    throw new UsageError(`imagecaches.kubefledged.io "${name}" not found in namespace ${namespace}`);
  const told = report(cache);
  const width = Math.min(terminal.width ?? 80, 120);
  const look = { colour: terminal.colour, isWide: output === 'wide', width, now: Date.now() };
  terminal.print(dataText(output, told) ?? reportLines(told, look).join('\n'));
  return exitCodes.good;
}

type Listed = { readonly cache: ImageCache; readonly createdAt: number };

const created = z.object({ metadata: z.object({ creationTimestamp: z.string() }) });

async function list({ api, terminal, namespace, allNamespaces, output }: Invocation): Promise<number> {
  const path = paths.caches(allNamespaces ? undefined : namespace);
  const parse = (object: unknown): Listed => ({
    cache: parseImageCache(object),
    createdAt: Date.parse(created.parse(object).metadata.creationTimestamp),
  });
  const items = await listItems(api, path, { limit: 50, parse });
  const sorted = items.toSorted(
    (a, b) =>
      rank(a.cache) - rank(b.cache) || a.cache.namespace.localeCompare(b.cache.namespace) || byName(a.cache, b.cache),
  );
  const data = dataText(
    output,
    sorted.map(({ cache }) => report(cache)),
  );
  if (data !== undefined) terminal.print(data);
  else if (sorted.length === 0)
    terminal.note(`No resources found${allNamespaces ? '' : ` in ${namespace} namespace`}.`);
  else printTable(sorted, { terminal, allNamespaces, output });
  return exitCodes.good;
}

function printTable(
  items: readonly Listed[],
  { terminal, allNamespaces, output }: Pick<Invocation, 'terminal' | 'allNamespaces' | 'output'>,
): void {
  const rows = items.map(({ cache, createdAt }) => cells(report(cache), { cache, createdAt }));
  const columns = ['NAMESPACE', 'NAME', 'STATUS', 'READY', 'FAILED', 'SKIPPED', 'IMAGES', 'AGE', 'MESSAGE'];
  const from = allNamespaces ? 0 : 1;
  const to = output === 'wide' ? columns.length : columns.length - 1;
  const lines = table(
    columns.slice(from, to).map((title) => ({ title })),
    rows.map((row) => row.slice(from, to)),
  );
  lines.forEach((line, index) => {
    const text = cut(line, terminal.width);
    const told = items[index - 1];
    terminal.print(told !== undefined && rank(told.cache) === 0 ? terminal.colour('bad', text) : text);
  });
}

function cells(told: Report, { createdAt }: Listed): readonly string[] {
  const { ready, desired, failed, skipped } = told.counts;
  const state = told.isSuspended ? 'Suspended' : told.status === '' ? '<none>' : told.status;
  return [
    told.namespace,
    told.name,
    state,
    `${ready}/${desired}`,
    String(failed),
    String(skipped),
    String(told.images.length),
    ageInWords(Date.now() - createdAt),
    told.message,
  ];
}

/** Trouble first, then what is under way. */
function rank({ status: { status: word } }: ImageCache): number {
  if (word === 'Failed' || word === 'Aborted') return 0;
  return word === 'Succeeded' || word === 'NoImagesPulledOrDeleted' ? 2 : 1;
}
