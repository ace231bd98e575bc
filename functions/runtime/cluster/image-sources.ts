import * as z from 'zod/mini';
import { labels, managerLabelValue } from '#model/cache/api.ts';
import { type ImageSource, parseImageSource, type SourceKind } from '#model/workload/image-sources.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';

export type SourceReading = {
  /** A label selector; '' selects all. */
  readonly selector: string;
  readonly most: number;
};

export type SourcesRead = {
  readonly sources: readonly ImageSource[];
  /** How many objects are not of the form of their kind. */
  readonly unreadable: number;
};

/** Reads the workloads of one kind, keeping of each what an image cache needs. Our own Jobs and Pods name what caches list already. */
export async function imageSources(
  api: Api,
  { namespace, kind, selector, most }: SourceReading & { readonly namespace: string; readonly kind: SourceKind },
): Promise<SourcesRead> {
  const notOurs = `${labels.manager} notin (${managerLabelValue})`;
  const read = await listItems(api, paths.workloads(namespace, kind), {
    bound: 'page_workloads',
    parse: (object) => readable(object, kind),
    selector: selector === '' ? notOurs : `${selector},${notOurs}`,
    most,
  });
  const sources = read.filter((source) => source !== undefined);
  return { sources, unreadable: read.length - sources.length };
}

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
