import * as z from 'zod/mini';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { Api } from '#runtime/api/api.ts';
import { isNotFound } from '#runtime/errors.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';
import { type Command, exitCodes, type Invocation, UsageError } from '../command.ts';
import { dataText } from '../data-text.ts';
import { recordedAccess } from '../recorded-access.ts';
import { table, truncated } from '../table.ts';
import { byName } from '../by-name.ts';
import { age } from '../units.ts';
import { report, type Report } from './report.ts';
import { reportLines } from './report-lines.ts';

export const status: Command = {
  summary: 'List caches, or show one cache by nodes and images',
  description: `List caches, or show one cache by nodes and images: failures first, with the reasons that the nodes reported.

ACCESS is who can start an image while its registry cannot be reached: Anyone, Pods with the PullSecrets or the ServiceAccount of the cache, or Unknown.`,
  examples: [
    ['List the caches of the namespace', 'status'],
    ['List the caches of the cluster, failed ones first', 'status -A'],
    ['Show the nodes and images of the cache web', 'status web'],
  ],
  usage: 'status [NAME]',
  flags: [],
  nameCount: { min: 0, max: 1 },
  run: (invocation) => (invocation.names[0] === undefined ? list(invocation) : show(invocation, invocation.names[0])),
};

async function show({ api, terminal, namespace, output }: Invocation, name: string): Promise<number> {
  const object = await existing(api, { namespace, name });
  const found = report(parseImageCache(object), recordedAccess(object));
  const width = Math.min(terminal.width ?? 80, 120);
  const view = { colour: terminal.colour, isWide: output === 'wide', width, now: Date.now() };
  terminal.print(dataText(output, found) ?? reportLines(found, view).join('\n'));
  return exitCodes.good;
}

async function existing(api: Api, reference: CacheReference): Promise<unknown> {
  try {
    return await api.request({ method: 'GET', path: paths.cache(reference) });
  } catch (error) {
    if (!isNotFound(error)) throw error;
    throw new UsageError(
      `imagecaches.kubefledged.io "${reference.name}" not found in namespace ${reference.namespace}`,
    );
  }
}

type ListedCache = { readonly cache: ImageCache; readonly found: Report; readonly createdAt: number };

const created = z.object({ metadata: z.object({ creationTimestamp: z.string() }) });

async function list({ api, terminal, namespace, allNamespaces, output }: Invocation): Promise<number> {
  const path = paths.caches(allNamespaces ? undefined : namespace);
  const parse = (object: unknown): ListedCache => {
    const cache = parseImageCache(object);
    const createdAt = Date.parse(created.parse(object).metadata.creationTimestamp);
    return { cache, found: report(cache, recordedAccess(object)), createdAt };
  };
  const items = await listItems(api, path, { bound: 'page_caches', parse });
  const sorted = items.toSorted(
    (a, b) =>
      rank(a.cache) - rank(b.cache) || a.cache.namespace.localeCompare(b.cache.namespace) || byName(a.cache, b.cache),
  );
  const data = dataText(
    output,
    sorted.map(({ found }) => found),
  );
  if (data !== undefined) terminal.print(data);
  else if (sorted.length === 0)
    terminal.note(`No resources found${allNamespaces ? '' : ` in ${namespace} namespace`}.`);
  else printTable(sorted, { terminal, allNamespaces, output });
  return exitCodes.good;
}

function printTable(
  items: readonly ListedCache[],
  { terminal, allNamespaces, output }: Pick<Invocation, 'terminal' | 'allNamespaces' | 'output'>,
): void {
  const rows = items.map(cells);
  const columns = ['NAMESPACE', 'NAME', 'STATUS', 'READY', 'FAILING', 'FAILED', 'SKIPPED', 'IMAGES', 'AGE', 'MESSAGE'];
  const from = allNamespaces ? 0 : 1;
  const to = output === 'wide' ? columns.length : columns.length - 1;
  const lines = table(
    columns.slice(from, to).map((title) => ({ title })),
    rows.map((row) => row.slice(from, to)),
  );
  lines.forEach((line, index) => {
    const text = truncated(line, terminal.width);
    const item = items[index - 1];
    terminal.print(item !== undefined && rank(item.cache) === 0 ? terminal.colour('bad', text) : text);
  });
}

function cells({ found, createdAt }: ListedCache): readonly string[] {
  const { ready, desired, failing, failed, skipped } = found.counts;
  const state = found.isSuspended ? 'Suspended' : found.status === '' ? '<none>' : found.status;
  return [
    found.namespace,
    found.name,
    state,
    `${ready}/${desired}`,
    String(failing),
    String(failed),
    String(skipped),
    String(found.images.length),
    age(Date.now() - createdAt),
    found.message,
  ];
}

/** Failed caches come first, then those in progress. */
function rank({ status: { status: word } }: ImageCache): number {
  if (word === 'Failed' || word === 'Aborted') return 0;
  return word === 'Succeeded' || word === 'NoImagesPulledOrDeleted' ? 2 : 1;
}
