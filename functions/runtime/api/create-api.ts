import { openApi } from './open-api.ts';
import type { Api, ApiOptions } from './api.ts';
import type { ClusterSource } from './cluster-source.ts';
import { loadCredentials } from './credentials.ts';

/**
 * The client of the API server: authentication, TLS, time-outs, retries and streams.
 * Sends nothing before the first call. Throws `ConfigError` if `source` names no cluster.
 */
export const createApi = (source: ClusterSource, options: ApiOptions = {}): Api =>
  openApi(loadCredentials(source), options);
