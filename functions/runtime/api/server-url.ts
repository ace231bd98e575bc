import type { ClusterSource } from './cluster-source.ts';
import { ConfigError } from '#runtime/errors.ts';

/** The URL of an API server, or a `ConfigError` that says whose it is and what is wrong with it. */
export function serverUrl(text: string, source: ClusterSource): URL {
  const url = URL.parse(text);
  if (url && (url.protocol === 'https:' || url.protocol === 'http:')) return url;
  throw new ConfigError(`${described(source)} names the server "${text}", which is no http or https URL`);
}

/** Where the operator said that the cluster is. */
export function described(source: ClusterSource): string {
  if (source.master !== '') return '--master';
  return source.kubeconfig === '' ? "the pod's service account" : `kubeconfig ${source.kubeconfig}`;
}
