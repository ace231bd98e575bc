import { readConfig, wantsHelp } from '#runtime/config/config.ts';
import { ConfigError } from '#runtime/errors.ts';

export type Program = 'function' | 'standalone' | 'simulation';

/**
 * Selects the program by the settings: one function if FUNCTION is set, all functions with their sources if a cluster is named.
 * Invalid settings select `standalone`, which reports them.
 */
export function program(): Program {
  if (wantsHelp(process.argv)) return 'standalone';
  try {
    const config = readConfig(process.argv.slice(2), process.env);
    if (config.function !== undefined) return 'function';
    return config.kubeconfig !== '' || config.master !== '' || config.inCluster ? 'standalone' : 'simulation';
  } catch (error) {
    if (error instanceof ConfigError) return 'standalone';
    throw error;
  }
}
