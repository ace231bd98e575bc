import * as z from 'zod/mini';
import { labels, managerLabelValue } from '#model/cache/api.ts';
import { type ImageSource, parseImageSource, type SourceKind } from '#model/workload/image-sources.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';

export type SourceReading = {
  /** A label selector; '' selects all. */
  readonly selector: string;
  /** How many workloads are read at most, and how many bytes of them are kept. */
  readonly most: { readonly workloads: number; readonly bytes: number };
};

export type SourcesRead = {
  readonly sources: readonly ImageSource[];
  readonly bytes: number;
  /** How many objects are not of the form of their kind. */
  readonly unreadable: number;
  /** Of what there is more than was to be read. */
  readonly exceeded: 'workloads' | 'bytes' | undefined;
};

/** Reads the workloads of one kind, keeping of each what an image cache needs. Our own Jobs and Pods name what caches list already. */
export async function imageSources(
  api: Api,
  { namespace, kind, selector, most }: SourceReading & { readonly namespace: string; readonly kind: SourceKind },
): Promise<SourcesRead> {
  const notOurs = `${labels.manager} notin (${managerLabelValue})`;
  const read = await listItems(api, paths.workloads(namespace, kind), {
    bound: 'page_workloads',
    parse: (object) => weighed(readable(object, kind)),
    selector: selector === '' ? notOurs : `${selector},${notOurs}`,
    isEnough: (items) => items.length > most.workloads || bytesOf(items) > most.bytes,
  });
  let bytes = 0;
  const fitting = read.slice(0, most.workloads).filter((each) => (bytes += each.bytes) <= most.bytes);
  const sources = fitting.flatMap(({ source }) => source ?? []);
  return {
    sources,
    bytes: bytesOf(fitting),
    unreadable: fitting.length - sources.length,
    exceeded: bytes > most.bytes ? 'bytes' : read.length > most.workloads ? 'workloads' : undefined,
  };
}

type Weighed = { readonly source: ImageSource | undefined; readonly bytes: number };

const bytesOf = (all: readonly Weighed[]): number => all.reduce((sum, { bytes }) => sum + bytes, 0);

/** Bytes that an image costs besides its name: templates may name tens of thousands of a few characters. */
const bytesOfImage = 100;

const weighed = (source: ImageSource | undefined): Weighed => ({
  source,
  bytes: source === undefined ? 0 : JSON.stringify(source).length + source.images.length * bytesOfImage,
});

function readable(object: unknown, kind: SourceKind): ImageSource | undefined {
  try {
    return parseImageSource(object, kind);
  } catch (error) {
    if (error instanceof z.core.$ZodError) return undefined;
    throw error;
  }
}

const account = z.object({
  metadata: z.object({ name: z.string() }),
  imagePullSecrets: z.nullish(z.array(z.object({ name: z.optional(z.string()) }))),
});

/** The pull secrets of all service accounts of a namespace, by the name of the account. */
export async function accountSecrets(api: Api, namespace: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const accounts = await listItems(api, paths.serviceAccounts(namespace), {
    bound: 'page_accounts',
    parse: (object) => account.parse(object),
  });
  return new Map(
    accounts.map(({ metadata: { name }, imagePullSecrets }) => [
      name,
      (imagePullSecrets ?? []).flatMap((secret) =>
        secret.name === undefined || secret.name === '' ? [] : secret.name,
      ),
    ]),
  );
}
