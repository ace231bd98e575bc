import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Authorisation, ClusterSource, Credentials } from './cluster-source.ts';
import { ConfigError } from '#runtime/errors.ts';
import { serverUrl } from './server-url.ts';

/** What the kubelet tells a container of its cluster. */
export type Pod = {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Folder with `token`, `ca.crt` and `namespace`. */
  readonly folder: string;
};

const thisPod: Pod = { env: process.env, folder: '/var/run/secrets/kubernetes.io/serviceaccount' };

/** Milliseconds that files are believed: a token is replaced long before it expires. */
const believed = 60_000;

/**
 * The cluster where no kubeconfig is given: the pod's own with its service account, or the one of --master with nobody's.
 * The Kubernetes client is not asked, as loading it takes longer than all else that a function does. Throws `ConfigError` if no cluster is named.
 */
export function podCredentials(source: ClusterSource, pod: Pod = thisPod): Credentials {
  if (source.inCluster) return inCluster(source, pod);
  if (source.master === '')
    throw new ConfigError('no cluster is named: set --kubeconfig FILE, or run in a pod with a service account');
  const nobody = { headers: {}, auth: undefined, tls: { rejectUnauthorized: true }, proxy: undefined };
  return {
    server: serverUrl(source.master, source),
    context: 'master',
    namespace: 'default',
    authorise: () => Promise.resolve(nobody),
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
    authorise: kept(() => authorisation(folder)),
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

/** Reads again when what was read is old. A read that fails is not remembered. */
function kept(read: () => Promise<Authorisation>): () => Promise<Authorisation> {
  let last: { readonly at: number; readonly value: Authorisation } | undefined;
  return async () => {
    const at = Date.now();
    if (last === undefined || at - last.at > believed) last = { at, value: await read() };
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
