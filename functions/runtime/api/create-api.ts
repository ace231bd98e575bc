import { KubeConfig } from '@kubernetes/client-node';
import type { RequestOptions } from 'node:https';
import { ConfigError } from '#runtime/errors.ts';
import { openApi, type Api, type ApiOptions } from './api.ts';
import {
  described,
  podCredentials,
  serverUrl,
  type Authorisation,
  type ClusterSource,
  type Credentials,
} from './pod-credentials.ts';

/**
 * The client of the API server: authentication, TLS, time-outs, retries and streams.
 * Sends nothing before the first call. Throws `ConfigError` if `source` names no cluster. Loading this file is slow, since it
 * loads client-node; see `connect`.
 */
export const createApi = (source: ClusterSource, options: ApiOptions = {}): Api =>
  openApi(loadCredentials(source), options);

/** Reads the credentials of a cluster. Throws `ConfigError`. */
export function loadCredentials(source: ClusterSource): Credentials {
  if (source.kubeconfig === '') return podCredentials(source);
  const config = new KubeConfig();
  const context = loadFiles(config, source);
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new ConfigError(`${described(source)} has no current context that names a cluster`);
  const address = source.master === '' ? cluster.server : source.master;
  const server = serverUrl(address, source, URL.parse(cluster.server)?.protocol);
  // client-node accepts plain HTTP only with skipTLSVerify.
  const skipTLSVerify = cluster.skipTLSVerify || server.protocol === 'http:';
  config.clusters = config.clusters.map((each) =>
    each === cluster ? { ...each, server: server.href, skipTLSVerify } : each,
  );
  const namespace = config.getContextObject(config.currentContext)?.namespace?.trim() ?? '';
  return {
    server,
    context,
    namespace: namespace === '' ? 'default' : namespace,
    authorise: () => authorise(config, cluster.proxyUrl !== undefined),
  };
}

function loadFiles(config: KubeConfig, { kubeconfig, furtherKubeconfigs = [], context }: ClusterSource): string {
  loadFile(config, kubeconfig);
  for (const file of furtherKubeconfigs) {
    const further = new KubeConfig();
    loadFile(further, file);
    merge(config, further);
  }
  if (context === undefined) return config.currentContext;
  if (config.getContextObject(context) === null) throw new ConfigError(`context "${context}" does not exist`);
  config.setCurrentContext(context);
  return context;
}

/** client-node's own merge refuses duplicate names. */
function merge(config: KubeConfig, further: KubeConfig): void {
  const added = <T extends { readonly name: string }>(first: readonly T[] = [], then: readonly T[] = []): T[] => [
    ...first,
    ...then.filter(({ name }) => !first.some((each) => each.name === name)),
  ];
  config.clusters = added(config.clusters, further.clusters);
  config.users = added(config.users, further.users);
  config.contexts = added(config.contexts, further.contexts);
  if (!config.currentContext) config.currentContext = further.currentContext;
}

function loadFile(config: KubeConfig, file: string): void {
  try {
    config.loadFromFile(file);
  } catch (error) {
    // No cause: the parser's message quotes the file, tokens included.
    const isAbsent = error instanceof Error && 'code' in error;
    throw new ConfigError(
      isAbsent ? `cannot read kubeconfig ${file}: ${String(error.code)}` : `${file} is not a kubeconfig`,
    );
  }
}

async function authorise(config: KubeConfig, isProxied: boolean): Promise<Authorisation> {
  const options = await applied(config);
  const { ca, cert, key, rejectUnauthorized, servername, auth, agent } = options;
  return {
    headers: textHeaders(options.headers),
    auth: auth ?? undefined,
    tls: defined({ ca, cert, key, rejectUnauthorized, servername }),
    proxy: isProxied && typeof agent === 'object' ? agent : undefined,
  };
}

async function applied(config: KubeConfig): Promise<RequestOptions> {
  const options: RequestOptions = {};
  const failure = await config.applyToHTTPSOptions(options).then(() => undefined, whyNot);
  if (failure !== undefined) throw new Error(`cannot get credentials: ${failure}`);
  return options;
}

/** Omits a parser's message: it quotes the answer of a credential plugin, token included. */
function whyNot(error: unknown): string {
  return error instanceof Error && !(error instanceof SyntaxError)
    ? error.message.trim().slice(0, 300)
    : 'its answer is not JSON';
}

/** Trims values: token files usually end in a newline, which is invalid in a header. */
function textHeaders(headers: RequestOptions['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value).trim()]));
}

type Tls = Authorisation['tls'];
function defined(tls: { readonly [K in keyof Tls]: Tls[K] | undefined }): Tls {
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
}
