import * as z from 'zod/mini';
import { labels, managerLabelValue } from '#model/cache/api.ts';
import { foundBounds } from '#model/found/groups.ts';
import { type ImageSource, parseImageSource, type SourceKind } from '#model/workload/image-sources.ts';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';
import { boundTable } from '#runtime/bounds.ts';
import { ApiError } from '#runtime/errors.ts';

/** Reads what workloads of users need, and what the Pods of a namespace may use. */
export const workloadCalls = (api: Api) => ({
  /** What workloads of a kind need, without our own Jobs and Pods: no more than `most` and a few. */
  imageSources: async (namespace: string, kind: SourceKind, reading: SourceReading): Promise<SourcesRead> =>
    imageSources(api, namespace, kind, reading),
  /** The pull secrets of some service accounts of a namespace. */
  accountSecrets: async (namespace: string, names: ReadonlySet<string>, signal: AbortSignal): Promise<AccountSecrets> =>
    accountSecrets(api, namespace, names, signal),
  /** The logins of a pull Secret, as a keyring reads them; '' if it has none. */
  pullSecret: async (namespace: string, name: string): Promise<string> =>
    parsePullSecret(await api.request({ method: 'GET', path: paths.secret(namespace, name) })),
  /** Whether a service account exists. Without the right to read it, it is assumed to, and the Job controller reports one that does not. */
  hasServiceAccount: async (namespace: string, name: string): Promise<boolean> => {
    try {
      await api.request({ method: 'GET', path: paths.serviceAccount(namespace, name) });
      return true;
    } catch (error) {
      if (isForbiddenOrGone(error)) return error.status === 403;
      throw error;
    }
  },
  /** The user id for Pods: the first of the range that OpenShift assigns to a namespace; 65532 elsewhere, and if the namespace cannot be read. */
  userOf: async (name: string): Promise<number> => {
    try {
      const { metadata } = namespaceSchema.parse(await api.request({ method: 'GET', path: paths.namespace(name) }));
      const range = /^(\d+)[/-]/.exec(metadata.annotations?.['openshift.io/sa.scc.uid-range'] ?? '');
      return range === null ? unprivileged : Number(range[1]);
    } catch (error) {
      if (isForbiddenOrGone(error)) return unprivileged;
      throw error;
    }
  },
});

const unprivileged = 65_532;
const annotations = z.optional(z.record(z.string(), z.string()));
const namespaceSchema = z.object({ metadata: z.object({ annotations }) });

const isForbiddenOrGone = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.status === 403 || error.status === 404);

type SourceReading = {
  /** A label selector; '' selects all. */
  readonly selector: string;
  /** How many workloads are read at most, and how many bytes of them are kept. */
  readonly most: { readonly workloads: number; readonly bytes: number };
  /** Ends the reading with its reason. */
  readonly signal: AbortSignal;
};

type SourcesRead = {
  readonly sources: readonly ImageSource[];
  readonly bytes: number;
  /** How many objects could not be parsed as their kind. */
  readonly unreadable: number;
  /** The bound that was exceeded, if any. */
  readonly exceeded: 'workloads' | 'bytes' | undefined;
};

/** Reads the workloads of one kind, keeping of each what an image cache needs. Our own Jobs and Pods name what caches list already. */
async function imageSources(
  api: Api,
  namespace: string,
  kind: SourceKind,
  { selector, most, signal }: SourceReading,
): Promise<SourcesRead> {
  const notOurs = `${labels.manager} notin (${managerLabelValue})`;
  const read = await listItems(api, paths.workloads(namespace, kind), {
    bound: 'page_workloads',
    parse: (object) => weighed(readable(object, kind)),
    selector: selector === '' ? notOurs : `${selector},${notOurs}`,
    ...(isPod(kind) ? { fieldSelector: notEnded } : {}),
    isEnough: (items) => items.length > most.workloads || bytesOf(items) > most.bytes,
    isOfUsers: true,
    signal,
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

/** A Pod that has ended may stay for long, and needs no image again. */
const notEnded = 'status.phase!=Succeeded,status.phase!=Failed';

const isPod = ({ kind, api }: SourceKind): boolean => kind === 'Pod' && api === '/api/v1';

type Weighed = { readonly source: ImageSource | undefined; readonly bytes: number };

const bytesOf = (all: readonly Pick<Weighed, 'bytes'>[]): number => all.reduce((sum, { bytes }) => sum + bytes, 0);

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

/** The pull secrets of service accounts by the name of the account. */
type AccountSecrets = {
  readonly secrets: ReadonlyMap<string, readonly string[]>;
  /** Whether accounts that are missing do not exist. */
  readonly isComplete: boolean;
};

/** Reads the pull secrets of some service accounts of a namespace, as far as the bounds of a cache allow. */
async function accountSecrets(
  api: Api,
  namespace: string,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<AccountSecrets> {
  const { cache_accounts: most, cache_workload_bytes: mostBytes } = boundTable;
  const hasAll = (items: readonly ReadAccount[]): boolean => items.filter(isWanted).length === names.size;
  const isTooMuch = (items: readonly ReadAccount[]): boolean =>
    items.length > most.limit || bytesOf(items) > mostBytes.limit;
  const read = await listItems(api, paths.serviceAccounts(namespace), {
    bound: 'page_accounts',
    parse: (object) => readAccount(object, names),
    isEnough: (items) => hasAll(items) || isTooMuch(items),
    isOfUsers: true,
    signal,
  });
  return {
    secrets: new Map(read.filter(isWanted).map(({ name, secrets }) => [name, secrets])),
    isComplete: hasAll(read) || !isTooMuch(read),
  };
}

/** `name` is '' for an account that is not in `names`. */
type ReadAccount = { readonly name: string; readonly secrets: readonly string[]; readonly bytes: number };

const isWanted = ({ name }: ReadAccount): boolean => name !== '';

/** One more secret than a cache uses is enough to say that there are too many. */
function readAccount(object: unknown, names: ReadonlySet<string>): ReadAccount {
  const { metadata, imagePullSecrets } = account.parse(object);
  if (!names.has(metadata.name)) return { name: '', secrets: [], bytes: 0 };
  const secrets = (imagePullSecrets ?? [])
    .flatMap(({ name = '' }) => (name === '' ? [] : [name]))
    .slice(0, foundBounds.secrets + 1);
  return { name: metadata.name, secrets, bytes: JSON.stringify(secrets).length };
}

const secret = z.object({ data: z.optional(z.record(z.string(), z.string())) });

/**
 * The logins of a Secret as a dockerconfigjson; '' if it has none. The older dockercfg is the inner part of one.
 * Never throws, since an error might quote the content.
 */
function parsePullSecret(object: unknown): string {
  const data = secret.safeParse(object).data?.data ?? {};
  const [modern, older] = ['.dockerconfigjson', '.dockercfg'].map((key) => decoded(data[key] ?? ''));
  if (modern !== undefined && modern !== '') return modern;
  return older === undefined || older === '' ? '' : `{"auths":${older}}`;
}

const decoded = (text: string): string => Buffer.from(text, 'base64').toString('utf8');
