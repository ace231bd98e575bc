/** What `npm start` runs: the program on the cluster that is named, or a simulation to try it out. Images hold the former only. */
import { readConfig, wantsHelp } from '#runtime/config.ts';
import { ConfigError } from '#runtime/errors.ts';
import { endWithNpm } from './end-with-npm.ts';

endWithNpm();
const isAsked = wantsHelp(process.argv) || namesCluster();
await (isAsked ? import('./main.ts') : import('./try-out-main.ts'));

/** Settings that do not read are for main.ts to refuse. */
function namesCluster(): boolean {
  try {
    const { kubeconfig, master, inCluster } = readConfig(process.argv.slice(2), process.env);
    return kubeconfig !== '' || master !== '' || inCluster;
  } catch (error) {
    if (error instanceof ConfigError) return true;
    throw error;
  }
}
