import type { ClusterSource } from './cluster-source.ts';
import { ConfigError } from '#runtime/errors.ts';

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
