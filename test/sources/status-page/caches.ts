import { isFailed, usualImages, withFailed } from '#model/cache/image-states.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { newRemovalEntry, type RemovalEntry } from '#model/cache/removal-ledger.ts';
import { newEntry, type LedgerEntry } from '#model/cache/ledger.ts';
import { workingMessage } from '#model/report/pull-report.ts';
import { emptyStatus } from '#model/cache/image-cache.ts';
import { nothingFound } from '#model/cache/found-images.ts';
import { digest, list, round, spec } from '../../functions/model/builders.ts';

/** Caches of a busy cluster, for the page to show. */

export const entry = (of: Partial<LedgerEntry> = {}): LedgerEntry => ({
  ...newEntry('id', 'w'),
  state: 'Ready',
  attempt: 1,
  images: usualImages(of.state ?? 'Ready'),
  ...of,
});

const failedOn = (...indexes: readonly number[]): string => withFailed(newEntry('id', 'w'), indexes, 50).images;

type Given = { readonly images: readonly string[]; readonly nodes?: Readonly<Record<string, LedgerEntry>> };

export const cacheNamed = (
  key: string,
  { images, nodes = {} }: Given,
  status: Partial<ImageCache['status']> = {},
): ImageCache => {
  const [namespace = '', name = ''] = key.split('/');
  const sorted = images.toSorted();
  return {
    ...{ namespace, name, uid: `uid-of-${key}`, resourceVersion: '1', generation: 1, isBeingDeleted: false },
    annotations: {},
    finalizers: [],
    statusWrittenAt: undefined,
    isStatusPruned: false,
    annotatedAt: {},
    discardedFormat: undefined,
    found: nothingFound,
    spec: spec({ lists: [list(sorted)] }),
    status: {
      ...emptyStatus,
      ...{ status: 'Succeeded', reason: 'ImageCacheCreate', observedGeneration: 1, round: round() },
      message: 'All requested images pulled succesfully to respective nodes',
      digests: Object.fromEntries(sorted.map((image) => [image, digest])),
      nodes,
      desired: { w: [0] },
      ...status,
    },
  };
};

/** As found for two sets of nodes. */
export function foundIn(workload: string): ImageCache['found'] {
  const image = { unnamedSince: undefined };
  const web = { ...image, image: 'web:1' };
  const kept = { image: 'kept:1', workloads: [], workloadCount: 0, unnamedSince: 1 };
  const of = { list: 0, listHash: '' };
  const pods = { nodeSelector: { pool: 'a' }, terms: [], tolerations: [] };
  return {
    ...nothingFound,
    lists: [
      { ...of, pods: undefined, images: [kept, { ...web, workloads: [workload], workloadCount: 1 }] },
      { ...of, pods, images: [{ ...web, workloads: [workload], workloadCount: 1204 }] },
    ],
    problem: 'The cluster has no kind Rollout',
  };
}

export const removal = (state: RemovalEntry['state']): RemovalEntry => ({ ...newRemovalEntry('id', 'w', 2), state });

const named = (count: number, make: (index: number) => LedgerEntry, prefix = 'node-'): Record<string, LedgerEntry> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index + 1}`, make(index)]));

const minutes = 60_000;
const shop = ['frontend', 'cart', 'checkout', 'payments', 'search', 'mail'].map(
  (name) => `registry.example.com/shop/${name}:2026.11`,
);
const failedMessage = 'Image pull failed for some images. Please see "failures" section';
const notFound = (image: string): string =>
  `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve image: ${image}: not found`;

/** A cluster of about 40 nodes with rounds in progress. */
export function busyCluster(now: number): readonly ImageCache[] {
  const missing = 'registry.example.com/ml/trainer:9.9';
  const models = [
    missing,
    'nvcr.io/nvidia/pytorch:25.10-py3',
    'registry.example.com/ml/serve:1.4.2',
    'registry.example.com/ml/tools:3',
  ];
  const failedAt = models.toSorted().indexOf(missing);
  const done = (ago: number) => ({ completionTime: now - ago * minutes, nextRefreshTime: now + (15 - ago) * minutes });
  const failures = {
    [missing]: ['gpu-2', 'gpu-5', 'gpu-7'].map((node) => ({
      node,
      reason: 'ErrImagePull',
      message: notFound(missing),
    })),
  };
  const gpu = named(
    12,
    (index) =>
      [1, 4, 6].includes(index) ? entry({ state: 'Failed', attempt: 2, images: failedOn(failedAt) }) : entry(),
    'gpu-',
  );
  const shopNodes = named(24, (index) => {
    if (index < 14) return entry();
    if (index < 18) return entry({ state: 'Pulling' });
    return index < 22 ? entry({ state: 'Pending', attempt: 0 }) : entry({ state: 'Skipped', reason: 'NotReady' });
  });
  return [
    cacheNamed(
      'platform/observability',
      {
        images: ['grafana/grafana:12.3', 'prom/prometheus:v3.8', 'grafana/loki:3.6', 'otel/collector:0.140'],
        nodes: named(40, () => entry()),
      },
      done(4),
    ),
    cacheNamed(
      'ml/training',
      { images: models, nodes: gpu },
      { ...done(2), status: 'Failed', message: failedMessage, failures },
    ),
    cacheNamed(
      'shop/storefront',
      { images: shop, nodes: shopNodes },
      {
        status: 'Processing',
        message: 'Image cache is being updated. Please view the status after some time',
        startTime: now - minutes,
        round: round({ operation: 'Update' }),
      },
    ),
    cacheNamed(
      'ci/runners',
      {
        images: ['ghcr.io/actions/runner:2.330', 'docker.io/library/docker:29-dind'],
        nodes: named(8, () => entry(), 'ci-'),
      },
      done(9),
    ),
    cacheNamed(
      'edge/gateways',
      { images: ['envoyproxy/envoy:v1.36'] },
      {
        ...done(11),
        status: 'NoImagesPulledOrDeleted',
        message: 'No images were pulled or deleted because nodeSelector specified did not match any nodes',
      },
    ),
    cacheNamed(
      'platform/databases',
      {
        images: ['postgres:18.1', 'valkey/valkey:9.0', 'edoburu/pgbouncer:1.25'],
        nodes: named(6, () => entry(), 'db-'),
      },
      done(13),
    ),
  ];
}

/** Three troubles at once: a bad tag, a registry that cannot be reached, a quota; and a node that is not Ready in all of them. */
export function troubledCluster(now: number): readonly ImageCache[] {
  const nodes = (of: Partial<LedgerEntry>): Record<string, LedgerEntry> =>
    named(6, (index) => (index === 1 ? entry({ state: 'Skipped', reason: 'NotReady' }) : entry(of)));
  const failing = { state: 'Pulling', images: 'ew', failingUntil: now + 9 * minutes } as const;
  const onAll = (image: string, reason: string, message: string) => ({
    [image]: [1, 3, 4, 5, 6].map((number) => ({ node: `node-${number}`, reason, message })),
  });
  const [bad, away, api] = [
    'registry.example.com/ml/cuda:12.9',
    'registry.local:5000/shop/web:7',
    'r.example.com/api:3',
  ];
  const refused = `failed to pull and unpack image "${away}": failed to do request: Head "https://registry.local:5000/v2/shop/web/manifests/7": dial tcp 10.0.0.9:5000: connect: connection refused`;
  const working = (failures: ImageCache['status']['failures'], images: readonly string[]) => {
    const { status } = cacheNamed('', { images, nodes: nodes(failing) }, { failures });
    return {
      status: 'Processing',
      failures,
      startTime: now - minutes,
      message: workingMessage(status, 'Create'),
    } as const;
  };
  const done = { completionTime: now - 2 * minutes, nextRefreshTime: now + 12 * minutes };
  const quota =
    'Error creating: pods is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0';
  return [
    cacheNamed(
      'ml/training',
      {
        images: [bad, 'registry.example.com/ml/serve:1'],
        nodes: nodes({ state: 'Failed', attempt: 2, images: 'fp' }),
      },
      { ...done, status: 'Failed', message: failedMessage, failures: onAll(bad, 'ErrImagePull', notFound(bad)) },
    ),
    cacheNamed(
      'shop/web',
      { images: [away], nodes: nodes(failing) },
      working(onAll(away, 'ErrImagePull', refused), [away]),
    ),
    cacheNamed(
      'tight/api',
      { images: [api], nodes: nodes(failing) },
      working(onAll(api, 'FailedCreate', quota), [api]),
    ),
    cacheNamed('platform/base', { images: ['registry.example.com/base/os:9'], nodes: nodes({}) }, done),
  ];
}

/** 1,000 nodes and 50 images, during a rollout in which a few nodes fail. */
export function largeCluster(now: number): readonly ImageCache[] {
  const images = Array.from(
    { length: 50 },
    (_, index) => `registry.example.com/apps/service-${String(index + 1).padStart(2, '0')}:2026.11.${index % 9}`,
  );
  const nodes = named(
    1000,
    (index) => {
      if (index % 90 === 17)
        return entry({
          state: 'Failed',
          attempt: 2,
          images: failedOn(index % 50, (index + 7) % 50),
        });
      if (index > 930) return entry({ state: 'Pending', attempt: 0 });
      if (index > 860) return entry({ state: 'Pulling' });
      return index % 111 === 3 ? entry({ state: 'Skipped', reason: 'DiskPressure' }) : entry();
    },
    'ip-10-0-',
  );
  const failures = Object.fromEntries(
    images.flatMap((image, index) => {
      const of = Object.entries(nodes)
        .filter(([, node]) => isFailed(node, index))
        .slice(0, 20);
      return of.length === 0
        ? []
        : [
            [
              image,
              of.map(([node]) => ({
                node,
                reason: 'ImagePullBackOff',
                message: `Back-off pulling image "${image}": dial tcp 10.9.0.4:443: i/o timeout`,
              })),
            ],
          ];
    }),
  );
  return [
    cacheNamed(
      'platform/all-services',
      { images, nodes },
      {
        status: 'Processing',
        message: 'Image cache is being refreshed. Please view the status after some time',
        startTime: now - 3 * minutes,
        failures,
        round: round({ operation: 'Refresh' }),
      },
    ),
    ...busyCluster(now).filter(({ namespace }) => namespace !== 'shop'),
  ];
}
