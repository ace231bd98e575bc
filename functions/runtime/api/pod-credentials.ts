import type { Agent } from 'node:http';
import type { RequestOptions } from 'node:https';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '#runtime/errors.ts';

/** The cluster that the operator configured; KUBECONFIG, ~/.kube/config and localhost are never used by default. */
export type ClusterSource = {
  /** Path of a kubeconfig; empty: none. */
  readonly kubeconfig: string;
  /** URL that replaces the kubeconfig's server; empty: none. */
  readonly master: string;
  /** Whether this process runs in a pod; without a kubeconfig, its service account is used. */
  readonly inCluster: boolean;
  /** More kubeconfigs, merged as a list in KUBECONFIG is: the first entry of a name wins. */
  readonly furtherKubeconfigs?: readonly string[];
  /** Context to use instead of the current one. */
  readonly context?: string;
};

export type Credentials = {
  readonly server: URL;
  readonly context: string;
  readonly namespace: string;
  /** Authorisation of one request; resolved for each, since tokens and certificates are rotated. */
  readonly authorise: () => Promise<Authorisation>;
};

export type Authorisation = {
  readonly headers: Readonly<Record<string, string>>;
  /** `user:password` for basic authentication. */
  readonly auth: string | undefined;
  readonly tls: Pick<RequestOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized' | 'servername'>;
  /** The agent for the kubeconfig's proxy-url, if set. */
  readonly proxy: Agent | undefined;
};

/** Where the kubelet provides a container with its service account. */
export type Pod = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Directory with `token`, `ca.crt` and `namespace`. */
  readonly folder: string;
};

const thisPod: Pod = { env: process.env, folder: '/var/run/secrets/kubernetes.io/serviceaccount' };

/** Milliseconds that files are cached; tokens are rotated long before they expire. */
const cacheTime = 60_000;

/**
 * Credentials without a kubeconfig: the pod's service account, or none for --master outside a pod.
 * Does not load the Kubernetes client, which would take most of a function's start. Throws `ConfigError` if no cluster is configured.
 */
export function podCredentials(source: ClusterSource, pod: Pod = thisPod): Credentials {
  if (source.inCluster) return inCluster(source, pod);
  if (source.master === '')
    throw new ConfigError('no cluster is named: set --kubeconfig FILE, or run in a pod with a service account');
  const anonymous = { headers: {}, auth: undefined, tls: { rejectUnauthorized: true }, proxy: undefined };
  return {
    // As in client-go: without TLS settings a host is reached by http.
    server: serverUrl(source.master, source, 'http:'),
    context: 'master',
    namespace: 'default',
    authorise: () => Promise.resolve(anonymous),
  };
}

function inCluster(source: ClusterSource, { env, folder }: Pod): Credentials {
  const { KUBERNETES_SERVICE_HOST: host = '', KUBERNETES_SERVICE_PORT: port = '' } = env;
  const address = `https://${host.includes(':') ? `[${host}]` : host}:${port === '' ? '443' : port}`;
  const server = serverUrl(source.master === '' ? address : source.master, source);
  const namespace = textOf(join(folder, 'namespace'));
  if (textOf(join(folder, 'token')) === '')
    throw new ConfigError(
      `this pod has no service account token in ${folder}: do not turn automountServiceAccountToken off, or set --kubeconfig FILE`,
    );
  return {
    server,
    context: 'in-cluster',
    namespace: namespace === '' ? 'default' : namespace,
    authorise: cached(() => authorisation(folder)),
  };
}

async function authorisation(folder: string): Promise<Authorisation> {
  const token = await readFile(join(folder, 'token'), 'utf8');
  const ca = await readFile(join(folder, 'ca.crt'));
  return {
    headers: { Authorization: `Bearer ${token.trim()}` },
    auth: undefined,
    tls: { ca, rejectUnauthorized: true },
    proxy: undefined,
  };
}

/** Caches the value of `read` for `cacheTime`; errors are not cached. */
function cached(read: () => Promise<Authorisation>): () => Promise<Authorisation> {
  let last: { readonly at: number; readonly value: Authorisation } | undefined;
  return async () => {
    const at = Date.now();
    if (last === undefined || at - last.at > cacheTime) last = { at, value: await read() };
    return last.value;
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Parses the URL of an API server. --master may be a host without a scheme, which then gets `scheme`. Throws `ConfigError`. */
export function serverUrl(text: string, source: ClusterSource, scheme = 'https:'): URL {
  const url = URL.parse(source.master === '' || text.includes('://') ? text : `${scheme}//${text}`);
  if (url && (url.protocol === 'https:' || url.protocol === 'http:')) return url;
  throw new ConfigError(`${described(source)} names the server "${text}", which is no http or https URL`);
}

/** The setting that names the cluster, for error messages. */
export function described(source: ClusterSource): string {
  if (source.master !== '') return '--master';
  return source.kubeconfig === '' ? "the pod's service account" : `kubeconfig ${source.kubeconfig}`;
}
