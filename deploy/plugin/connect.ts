import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Api } from '#runtime/api/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import type { ClusterSource } from '#runtime/api/cluster-source.ts';
import { UsageError } from './command.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type Wish = { readonly kubeconfig: string | undefined; readonly context: string | undefined };

/** Connects as kubectl does. Nothing is sent yet. Throws `UsageError` or `ConfigError` where no cluster is named. */
export const connect = (wish: Wish, env: Environment): Api => createApi(clusterSource(wish, env));

/** The flag, else the files of KUBECONFIG that are there, else the one in the home folder, else the service account of a pod. */
function clusterSource({ kubeconfig, context }: Wish, env: Environment): ClusterSource {
  const chosen = context === undefined ? {} : { context };
  if (kubeconfig !== undefined) return { kubeconfig, master: '', inCluster: false, ...chosen };
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const candidates = listed.length > 0 ? listed : [join(env['HOME'] ?? homedir(), '.kube/config')];
  const [first, ...further] = candidates.filter((file) => existsSync(file));
  if (first !== undefined)
    return { kubeconfig: first, furtherKubeconfigs: further, master: '', inCluster: false, ...chosen };
  if (env['KUBERNETES_SERVICE_HOST']) return { kubeconfig: '', master: '', inCluster: true };
  throw new UsageError(`no cluster is named: there is no ${candidates.join(' nor ')}; give --kubeconfig FILE`);
}
