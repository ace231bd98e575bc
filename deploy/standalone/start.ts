/** What `npm start` runs: the program on the cluster that is named, or a simulation to try it out. Images hold the former only. */
import { readConfig, wantsHelp } from '#runtime/config.ts';
import { ConfigError } from '#runtime/errors.ts';
import { endWithNpm } from './end-with-npm.ts';

endWithNpm();
switch (program()) {
  case 'function':
    await import('../../functions/main.ts');
    break;
  case 'standalone':
    await import('./main.ts');
    break;
  case 'simulation':
    await import('./try-out-main.ts');
}

/** One function where FUNCTION names it, all with their sources where a cluster is named. Settings that do not read are for main.ts to refuse. */
function program(): 'function' | 'standalone' | 'simulation' {
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
