import { openApi } from './open-api.ts';
import type { Api, ApiOptions } from './api.ts';
import type { ClusterSource } from './cluster-source.ts';
import { podCredentials } from './pod-credentials.ts';

/** What `createApi` does, for a process that starts: the Kubernetes client is loaded only to read a kubeconfig, never in a pod. */
export async function connect(source: ClusterSource, options: ApiOptions = {}): Promise<Api> {
  if (source.kubeconfig === '') return openApi(podCredentials(source), options);
  const { loadCredentials } = await import('./credentials.ts');
  return openApi(loadCredentials(source), options);
}
