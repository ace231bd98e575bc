import { readConfig, wantsHelp } from '#runtime/config/config.ts';
import { ConfigError } from '#runtime/errors.ts';

export type Program = 'function' | 'standalone' | 'simulation';

/** What the settings ask for: one function where FUNCTION names it, all with their sources where a cluster is named. Settings that do not read are for main.ts to refuse. */
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
