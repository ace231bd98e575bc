import type { Node } from '#model/node/node.ts';
import { parseNode } from '#model/node/parse-node.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { type CacheRecord, cacheRecord } from '../../../../deploy/plugin/check/cache-record.ts';
import type { PullSecrets } from '../../../../deploy/plugin/check/pull-secrets.ts';
import { type Workload, parseWorkload, workloadKind } from '#model/workload/workload.ts';
import { noon } from '../../../functions/model/builders.ts';

/** Nodes, caches and Pods as the API server sends them, with defaults for what a test does not set. */

export { noon };

type NodeOf = {
  readonly name?: string;
  readonly images?: readonly string[];
  /** The list has as many images as kubelets report. */
  readonly isCut?: boolean;
  readonly version?: string;
  readonly runtime?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly object[];
  readonly unschedulable?: boolean;
  readonly isReady?: boolean;
};

/** A kubelet lists something always: its own images. */
export const nodeWith = ({
  name = 'node-1',
  images = [],
  isCut = false,
  version = 'v1.36.3',
  runtime = 'containerd://2.2.9',
  labels = {},
  taints = [],
  unschedulable = false,
  isReady = true,
}: NodeOf = {}): Node =>
  parseNode({
    metadata: { name, uid: `uid-of-${name}`, labels: { 'kubernetes.io/arch': 'arm64', ...labels } },
    spec: { taints, unschedulable },
    status: {
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }],
      nodeInfo: { operatingSystem: 'linux', kubeletVersion: version, containerRuntimeVersion: runtime },
      images: [
        ...images.map((image) => ({ names: [image] })),
        ...Array.from({ length: isCut ? 50 - images.length : 1 }, (_, i) => ({
          names: [`registry.k8s.io/own-${i}:1`],
        })),
      ],
    },
  });

type CacheOf = {
  readonly name?: string;
  readonly namespace?: string;
  readonly images: readonly string[];
  readonly access?: string;
  readonly anonymousPull?: string;
  readonly secrets?: readonly string[];
  readonly serviceAccountName?: string;
  readonly digest?: string;
  /** Fields of the node's entry. */
  readonly entry?: object;
  readonly nodes?: readonly Node[];
  readonly failure?: string;
  readonly generation?: number;
  readonly readyAgo?: number;
  /** Fields of the status. */
  readonly status?: object;
  /** The operator's service account. */
  readonly usualAccount?: string;
};

/** A cache that has its images on node-1, unless said otherwise. */
export function cacheWith({
  name = 'web',
  namespace = 'default',
  images,
  access = 'Anyone',
  anonymousPull,
  secrets = [],
  serviceAccountName,
  digest,
  entry = {},
  nodes = [nodeWith()],
  failure,
  generation = 1,
  readyAgo = 3_600_000,
  status = {},
  usualAccount = '',
}: CacheOf): CacheRecord {
  const isLocked = access === 'PullSecrets' || access === 'ServiceAccount';
  const readyAt = (noon - readyAgo) / 1000;
  const letters = isLocked && anonymousPull !== 'Denied' ? { images: 'P' } : {};
  const object = {
    metadata: { name, namespace, uid: `uid-of-${name}`, resourceVersion: '1', generation },
    spec: {
      cacheSpec: [{ images }],
      imagePullSecrets: secrets.map((secret) => ({ name: secret })),
      ...(serviceAccountName !== undefined && { serviceAccountName }),
    },
    status: {
      format: 1,
      status: 'Succeeded',
      observedGeneration: 1,
      desired: { w: [0] },
      images: images.map((image) => ({
        image,
        ready: 1,
        failed: 0,
        ...(access !== '' && { access }),
        ...(anonymousPull !== undefined && { anonymousPull }),
        ...(digest !== undefined && { digest }),
      })),
      nodes: Object.fromEntries(
        nodes.map((node) => [
          node.name,
          { id: node.id, desiredHash: 'w', attempt: 1, state: 'Ready', readyAt, noop: 'p', ...letters, ...entry },
        ]),
      ),
      ...(failure !== undefined && {
        failures: { [images[0] ?? '']: [{ node: 'node-1', reason: 'ErrImagePull', message: failure }] },
      }),
      ...status,
    },
  };
  return cacheRecord(parseImageCache(object), object, usualAccount);
}

export const podOf = (spec: object, namespace = 'default'): Workload => {
  const kind = workloadKind('pod');
  if (kind === undefined) throw new TypeError('Pods are a kind');
  const full = { containers: [{ name: 'app', image: 'app:1' }], ...spec };
  return parseWorkload({ metadata: { name: 'web', namespace }, spec: full }, kind, namespace);
};

export const secrets = (...names: readonly string[]): PullSecrets => ({
  isKnown: true,
  names,
  isFromServiceAccount: false,
});
