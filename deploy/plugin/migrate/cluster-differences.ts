import { annotations, labels } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { isNeverSupported, isOptedOut, type Node, type SkipReason, skipReason } from '#model/node/node.ts';
import { isImageReference } from '#model/text/image-reference.ts';
import type { Api } from '#runtime/api/api.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { counted } from '../units.ts';
import { differs, findings, type Finding } from './finding.ts';

type Difference = Omit<Finding, 'what'>;

/** Nodes that kube-fledged serves and that are skipped here for now, on which nothing can run, or whose runtime is reached otherwise. */
export const nodeDifferences = (api: Api): Promise<readonly Finding[]> =>
  findings('nodes', async () => {
    const nodes = await createCluster(api).nodes();
    const rules = { tolerations: undefined, unschedulable: 'Pull' } as const;
    const skipped = Object.entries(skips).map(
      ([reason, what]) => [nodes.filter((node) => skipReason(node, rules) === reason), what] as const,
    );
    const served = nodes.filter((node) => !isNeverSupported(node) && !isOptedOut(node));
    const others = served.filter(({ labels: of }) => !architectures.has(of['kubernetes.io/arch'] ?? 'amd64'));
    const docker = nodes.filter(({ containerRuntime }) => containerRuntime.startsWith('docker://'));
    return [
      ...skipped.flatMap(([of, what]) => about(of, what)),
      ...about(others, otherArchitecture, ({ name }) => `kubectl label node ${name} ${labels.skip}=true`),
      ...about(docker, 'with Docker: images are removed through /run/cri-dockerd.sock, not docker.sock'),
    ];
  });

/** What is so of nodes that are skipped for a reason. */
const skips = {
  NotReady: 'skipped until no longer NotReady: neither pulls nor removals, and a purge fails meanwhile',
  DiskPressure: 'skipped until no longer DiskPressure: no pulls, but removals',
  TaintNotTolerated: 'of the control plane skipped, unless spec.tolerations tolerates the taint',
  Virtual: 'without an image store skipped: they are virtual, and the Jobs of kube-fledged fail there',
  OtherOperatingSystem: 'with another system than Linux skipped: the Jobs of kube-fledged fail there',
} as const satisfies Partial<Record<SkipReason, string>>;

/** Those for which our images are built. */
const architectures: ReadonlySet<string> = new Set(['amd64', 'arm64']);

const otherArchitecture =
  'of another architecture than amd64 and arm64: our images do not run there, so that every pull fails, unless the nodes are left out';

function about(nodes: readonly Node[], what: string, command?: (node: Node) => string): readonly Difference[] {
  const commands = command === undefined ? [] : nodes.slice(0, maxNamed).map(command);
  return nodes.length === 0 ? [] : [differs(`${named(nodes)} ${what}`, ...commands)];
}

const maxNamed = 3;

const named = (nodes: readonly Node[]): string => {
  const names = nodes.slice(0, maxNamed).map(({ name }) => name);
  return `${counted(nodes.length, 'node')} (${names.join(', ')}${nodes.length > names.length ? ', …' : ''})`;
};

/** Caches whose next steps are not those of kube-fledged. */
export const cacheDifferences = (api: Api): Promise<readonly Finding[]> =>
  findings('caches', async () => {
    const all = await createCluster(api).caches();
    return differencesOfCaches.flatMap(({ when, detail, message, command }) => {
      const found = all.filter(when);
      if (found.length === 0) return [];
      const names = found
        .slice(0, maxNamed)
        .map((cache) => `${cache.namespace}/${cache.name}${detail === undefined ? '' : ` (${detail(cache)})`}`);
      const more = found.length > names.length ? ', …' : '';
      const commands = command === undefined ? [] : found.slice(0, maxNamed).map(command);
      return [differs(`${names.join(', ')}${more}: ${message}`, ...commands)];
    });
  });

const has = ({ annotations: given }: ImageCache, ...names: readonly string[]): boolean =>
  names.every((name) => name in given);

/** Whether kube-fledged was stopped in a round, which continues. */
const isInterrupted = ({ status }: ImageCache): boolean => ['Processing', 'Aborted'].includes(status.status);

type CacheDifference = {
  readonly when: (cache: ImageCache) => boolean;
  /** What of the cache it is about. */
  readonly detail?: (cache: ImageCache) => string;
  readonly message: string;
  readonly command?: (cache: ImageCache) => string;
};

/** What our CRD refuses of its lists, and kube-fledged's stores. */
const malformedImages = ({ spec }: ImageCache): readonly string[] =>
  spec.lists.flatMap(({ images }) => images.filter((image) => !isImageReference(image)));

const edit = ({ namespace, name }: ImageCache): string => `kubectl -n ${namespace} edit imagecache ${name}`;

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
    when: (cache) => malformedImages(cache).length > 0,
    detail: (cache) =>
      malformedImages(cache)
        .slice(0, maxNamed)
        .map((image) => JSON.stringify(image.slice(0, 100)))
        .join(', '),
    message:
      'lists what is no image reference and fails on every node: the cache stays, but no edit of cacheSpec is accepted until that is removed',
    command: edit,
  },
  {
    when: ({ spec }) => spec.lists.some(({ images, imagesFrom }) => images.length === 0 && imagesFrom === undefined),
    message:
      'has a list without images: no edit of cacheSpec is accepted until it is removed, and on Kubernetes 1.30 no status is written',
    command: edit,
  },
  {
    when: ({ name }) => name.length > 63,
    message: 'the label imagecache of its Jobs has the first 63 characters only',
  },
];
