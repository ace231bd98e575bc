import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { nodeOptions } from '../../../deploy/tools/images/functions-container.ts';

/** A program that watches the cluster and posts events, in its own process. */
export type Listener = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

/** Our source, run as in its image. */
export const ourSource = (program: string, kubeconfig: string, sink: string): Listener => ({
  name: 'imagecache-functions source',
  command: process.execPath,
  args: [program, `--kubeconfig=${kubeconfig}`],
  env: { K_SINK: sink, PORT: '0', TICK_SCHEDULE: '', LEADER_ELECTION: 'false', NODE_OPTIONS: nodeOptions },
});

/** The adapter of Knative's ApiServerSource, if `npm run test:knative` has built it; it watches the same objects as our source. */
export function knativeAdapter(kubeconfig: string, sink: string): Listener | undefined {
  const cache =
    process.env['LAB_CACHE'] ??
    join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'imagecache-functions');
  const folder = existsSync(cache)
    ? readdirSync(cache).find((name) => name.startsWith('knative-eventing-'))
    : undefined;
  const program = join(cache, folder ?? '', 'programs/apiserver_receive_adapter');
  if (folder === undefined || !existsSync(program)) return undefined;
  const ours = 'app=kubefledged,kubefledged=kubefledged-image-manager';
  const resource = (group: string, version: string, plural: string, selector = '') => ({
    gvr: { Group: group, Version: version, Resource: plural },
    ...(selector === '' ? {} : { selector }),
  });
  const config = {
    namespaces: [''],
    allNamespaces: true,
    resources: [
      resource('kubefledged.io', 'v1alpha2', 'imagecaches'),
      resource('batch', 'v1', 'jobs', ours),
      resource('', 'v1', 'pods', ours),
      resource('', 'v1', 'nodes'),
    ],
    mode: 'Reference',
    failFast: false,
  };
  return {
    name: "Knative's ApiServerSource adapter",
    command: program,
    args: [],
    env: {
      KUBECONFIG: kubeconfig,
      K_SINK: sink,
      K_SOURCE_CONFIG: JSON.stringify(config),
      K_LOGGING_CONFIG: '{}',
      K_OBSERVABILITY_CONFIG: '{}',
      NAME: 'bench',
      NAMESPACE: 'default',
      SYSTEM_NAMESPACE: 'default',
    },
  };
}
