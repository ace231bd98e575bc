import { annotations } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { type Node, skipReason } from '#model/node/node.ts';
import type { Api } from '#runtime/api/api.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { counted } from '../units.ts';
import { differs, findings, type Finding } from './finding.ts';

type Difference = Omit<Finding, 'what'>;

/** Nodes that kube-fledged serves and that are skipped here for now, and nodes whose runtime is reached otherwise. */
export const nodeDifferences = (api: Api): Promise<readonly Finding[]> =>
  findings('nodes', async () => {
    const nodes = await createCluster(api).nodes();
    const skipped = new Map<string, readonly Node[]>(
      ['NotReady', 'DiskPressure', 'TaintNotTolerated'].map((reason) => [
        reason,
        nodes.filter((node) => skipReason(node, { tolerations: undefined, unschedulable: 'Pull' }) === reason),
      ]),
    );
    const docker = nodes.filter(({ containerRuntime }) => containerRuntime.startsWith('docker://'));
    return [
      ...[...skipped].flatMap(([reason, of]) => skippedNodes(reason, of)),
      ...(docker.length === 0
        ? []
        : [differs(`${named(docker)} with Docker: images are removed through /run/cri-dockerd.sock, not docker.sock`)]),
    ];
  });

function skippedNodes(reason: string, nodes: readonly Node[]): readonly Difference[] {
  if (nodes.length === 0) return [];
  if (reason === 'TaintNotTolerated')
    return [differs(`${named(nodes)} of the control plane skipped, unless spec.tolerations tolerates the taint`)];
  const message =
    reason === 'NotReady' ? 'neither pulls nor removals, and a purge fails meanwhile' : 'no pulls, but removals';
  return [differs(`${named(nodes)} skipped until no longer ${reason}: ${message}`)];
}

const named = (nodes: readonly Node[]): string => {
  const names = nodes.slice(0, 3).map(({ name }) => name);
  return `${counted(nodes.length, 'node')} (${names.join(', ')}${nodes.length > names.length ? ', …' : ''})`;
};

/** Caches whose next steps are not those of kube-fledged. */
export const cacheDifferences = (api: Api): Promise<readonly Finding[]> =>
  findings('caches', async () => {
    const all = await createCluster(api).caches();
    return differencesOfCaches.flatMap(({ when, message, command }) => {
      const found = all.filter(when);
      if (found.length === 0) return [];
      const names = found.slice(0, 3).map(({ namespace, name }) => `${namespace}/${name}`);
      const more = found.length > names.length ? ', …' : '';
      const commands = command === undefined ? [] : found.slice(0, 3).map(command);
      return [differs(`${names.join(', ')}${more}: ${message}`, ...commands)];
    });
  });

const has = ({ annotations: given }: ImageCache, ...names: readonly string[]): boolean =>
  names.every((name) => name in given);

/** Whether kube-fledged was stopped in a round, which continues. */
const isInterrupted = ({ status }: ImageCache): boolean => ['Processing', 'Aborted'].includes(status.status);

type CacheDifference = {
  readonly when: (cache: ImageCache) => boolean;
  readonly message: string;
  readonly command?: (cache: ImageCache) => string;
};

const differencesOfCaches: readonly CacheDifference[] = [
  {
    when: (cache) => has(cache, annotations.purge, annotations.refresh) && !isInterrupted(cache),
    message: 'annotated with a purge and a refresh, of which neither is acted on: both are removed with an Event',
    command: ({ namespace, name }) => `kubectl -n ${namespace} annotate imagecache ${name} ${annotations.refresh}-`,
  },
  {
    when: (cache) => has(cache, annotations.purge, annotations.refresh) && isInterrupted(cache),
    message:
      'annotated with a purge and a refresh in a round that was interrupted: it is purged, and the refresh is dropped',
  },
  {
    when: ({ status }) => status.status === 'Processing' && status.reason === 'ImageCachePurge',
    message: 'a purge is interrupted, which is completed and not pulled again, as kube-fledged would',
  },
  {
    when: ({ name }) => name.length > 63,
    message: 'the label imagecache of its Jobs has the first 63 characters only',
  },
];
