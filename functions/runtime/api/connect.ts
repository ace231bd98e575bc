import { openApi } from './open-api.ts';
import type { Api, ApiOptions } from './api.ts';
import type { ClusterSource } from './cluster-source.ts';
import { podCredentials } from './pod-credentials.ts';

/** `createApi` for starting processes: loads the Kubernetes client only to read a kubeconfig, since loading it is slow. */
export async function connect(source: ClusterSource, options: ApiOptions = {}): Promise<Api> {
  if (source.kubeconfig === '') return openApi(podCredentials(source), options);
  const { loadCredentials } = await import('./credentials.ts');
  return openApi(loadCredentials(source), options);
}
