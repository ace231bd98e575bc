import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Api } from '#runtime/api/api.ts';
import { createApi } from '#runtime/api/create-api.ts';
import type { ClusterSource } from '#runtime/api/pod-credentials.ts';
import { UsageError } from './command.ts';

type Environment = Readonly<Record<string, string | undefined>>;
type ClusterChoice = { readonly kubeconfig: string | undefined; readonly context: string | undefined };

/** Connects as kubectl does; sends no request yet. Throws `UsageError` or `ConfigError` if no cluster is configured. */
export const connect = (choice: ClusterChoice, env: Environment): Api => createApi(clusterSource(choice, env));

/** In this order: the flag, existing files of KUBECONFIG, ~/.kube/config, the service account of a pod. */
function clusterSource({ kubeconfig, context }: ClusterChoice, env: Environment): ClusterSource {
  const chosen = context === undefined ? {} : { context };
  if (kubeconfig !== undefined) return { kubeconfig, master: '', inCluster: false, ...chosen };
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const candidates = listed.length > 0 ? listed : [join(env['HOME'] ?? homedir(), '.kube/config')];
  const [first, ...further] = candidates.filter((file) => existsSync(file));
  if (first !== undefined)
    return { kubeconfig: first, furtherKubeconfigs: further, master: '', inCluster: false, ...chosen };
  if (env['KUBERNETES_SERVICE_HOST']) return { kubeconfig: '', master: '', inCluster: true };
  throw new UsageError(`no cluster is configured: ${candidates.join(' and ')} not found; set --kubeconfig FILE`);
}
