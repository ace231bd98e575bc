import { openApi } from './open-api.ts';
import type { Api, ApiOptions } from './api.ts';
import type { ClusterSource } from './cluster-source.ts';
import { loadCredentials } from './credentials.ts';

/**
 * The only socket to the API server: authentication, TLS, time-outs, 429 and streams.
 * Connects to the cluster that `source` names; nothing is sent before the first call. Throws `ConfigError` if it names none.
 */
export const createApi = (source: ClusterSource, options: ApiOptions = {}): Api =>
  openApi(loadCredentials(source), options);
