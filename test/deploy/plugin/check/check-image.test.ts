import { describe, expect, it } from 'vitest';
import type { Node } from '#model/node/node.ts';
import type { CacheRecord } from '../../../../deploy/plugin/check/cache-record.ts';
import { checkImage } from '../../../../deploy/plugin/check/check-image.ts';
import type { PullSecrets } from '../../../../deploy/plugin/check/pull-secrets.ts';
import { digest } from '../../../functions/model/builders.ts';
import { cacheWith, nodeWith, noon, podOf, secrets } from './situation.ts';

const redis = 'docker.io/library/redis:7';
const onNode = nodeWith({ images: [redis] });

type Row = {
  readonly when: string;
  /** A container, or its image. */
  readonly uses?: string | object;
  readonly node?: Node;
  readonly caches?: readonly CacheRecord[];
  readonly namespace?: string;
  readonly account?: string;
  readonly has?: PullSecrets;
  readonly hasAllCaches?: boolean;
  readonly verdict: 'starts' | 'fails' | 'unproven';
  readonly reason?: string;
  readonly message?: string | RegExp;
};

function verdictOn({ uses = redis, node = onNode, caches = [], namespace = 'default', ...row }: Row) {
  const container = typeof uses === 'string' ? { image: uses } : uses;
  const spec = 'volumes' in container ? container : { containers: [{ name: 'app', ...container }] };
  const workload = podOf({ ...spec, serviceAccountName: row.account ?? 'default' }, namespace);
  const [use] = workload.images;
  if (use === undefined) throw new TypeError('a row has an image');
  const { serviceAccount } = workload;
  const pod = { namespace, serviceAccount, pullSecrets: row.has ?? secrets() };
  return checkImage(use, { node, pod }, { records: caches, hasAllCaches: row.hasAllCaches ?? true, now: noon });
}

function check(row: Row): void {
  const { verdict, reason, message } = verdictOn(row);
  expect({ verdict, reason, message }).toEqual({
    verdict: row.verdict,
    reason: row.reason,
    message: row.message instanceof RegExp ? (expect.stringMatching(row.message) as unknown) : (row.message ?? ''),
  });
}

const roundOf = (operation: string): object => ({ number: 2, operation, generation: 1, trigger: 'Spec' });
const cached = cacheWith({ images: [redis] });

describe('whether the image is on the node', () => {
  it.each<Row>([
    { when: 'the node lists it, and a cache has it for anyone', caches: [cached], verdict: 'starts' },
    { when: 'the Pod spells it otherwise', uses: 'redis:7', caches: [cached], verdict: 'starts' },
    {
      when: 'the Pod has a digest, and the node lists the image by it',
      uses: `redis@${digest}`,
      node: nodeWith({ images: [`docker.io/library/redis@${digest}`] }),
      caches: [cacheWith({ images: [redis], digest })],
      verdict: 'starts',
    },
    {
      when: 'the list is cut, and a cache has it',
      node: nodeWith({ isCut: true }),
      caches: [cached],
      verdict: 'starts',
    },
    {
      when: 'the list is cut, and a cache has its tag with the digest of the Pod',
      uses: `redis@${digest}`,
      node: nodeWith({ isCut: true }),
      caches: [cacheWith({ images: [redis], digest })],
      verdict: 'starts',
    },
    {
      when: 'the list may be older than the pull',
      node: nodeWith(),
      caches: [cacheWith({ images: [redis], readyAgo: 10_000 })],
      verdict: 'starts',
    },
    {
      when: 'it is being opened, which may have pulled it since the list was made',
      node: nodeWith(),
      caches: [cacheWith({ images: [redis], entry: { state: 'Pulling', opening: 'Noop', images: 'w' } })],
      verdict: 'starts',
    },
    {
      when: 'the list is cut, and a cache has another tag',
      uses: 'redis:6',
      node: nodeWith({ isCut: true }),
      caches: [cached],
      verdict: 'unproven',
      reason: 'OtherName',
      message: /lists docker\.io\/library\/redis:7 instead/,
    },
    {
      when: 'the cache was purged',
      node: nodeWith({ isCut: true }),
      caches: [cacheWith({ images: [redis], status: { round: roundOf('Purge') } })],
      verdict: 'unproven',
      reason: 'Purged',
      message: /the cache default\/web was purged$/,
    },
    {
      when: 'nothing has it',
      node: nodeWith(),
      verdict: 'fails',
      reason: 'NotCached',
      message: 'it is not on the node: no ImageCache lists it',
    },
    {
      when: 'nothing has it, and the policy is Never',
      uses: { image: redis, imagePullPolicy: 'Never' },
      node: nodeWith(),
      verdict: 'fails',
      reason: 'NotCached',
      message: /no ImageCache lists it; imagePullPolicy is Never, so it is not pulled with a registry either$/,
    },
    {
      when: 'the list is cut, and no cache has it',
      node: nodeWith({ isCut: true }),
      verdict: 'unproven',
      reason: 'NotCached',
      message: 'the node reports only a part of its images, and not this one: no ImageCache lists it',
    },
    {
      when: 'a cache has pulled it an hour ago, and the complete list lacks it',
      node: nodeWith(),
      caches: [cached],
      verdict: 'fails',
      reason: 'ImageLost',
      message: 'it is not on the node: the cache default/web has pulled it, and it was removed from the node since',
    },
    {
      when: 'the cache lists a tag, and the Pod another',
      uses: 'redis:6',
      caches: [cached],
      verdict: 'fails',
      reason: 'OtherName',
      message:
        'it is not on the node: the cache default/web lists docker.io/library/redis:7 instead, and kubelets find images by name',
    },
    {
      when: 'the cache lists a digest, and the Pod a tag',
      node: nodeWith({ images: [`docker.io/library/redis@${digest}`] }),
      caches: [cacheWith({ images: [`redis@${digest}`] })],
      verdict: 'fails',
      reason: 'OtherName',
      message: /the cache default\/web lists redis@sha256:\w+ instead/,
    },
    {
      when: 'the node has the digest from another repository',
      uses: `mirror.example/redis@${digest}`,
      node: nodeWith({ images: [`docker.io/library/redis@${digest}`] }),
      verdict: 'fails',
      reason: 'OtherName',
      message: /the node has the same image as docker\.io\/library\/redis@sha256:\w+, and kubelets find images by name/,
    },
    {
      when: 'the cache does not select the node',
      node: nodeWith(),
      caches: [cacheWith({ images: [redis], nodes: [] })],
      verdict: 'fails',
      reason: 'NotSelected',
      message: 'it is not on the node: the cache default/web lists it, but not for this node',
    },
    {
      when: 'the machine was replaced under its name',
      node: nodeWith(),
      caches: [cacheWith({ images: [redis], entry: { id: 'another' } })],
      verdict: 'fails',
      reason: 'NotSelected',
      message: /not for this node/,
    },
    {
      when: 'the cache skips the node',
      node: nodeWith(),
      caches: [cacheWith({ images: [redis], entry: { state: 'Skipped', reason: 'DiskPressure' } })],
      verdict: 'fails',
      reason: 'NodeSkipped',
      message: /the cache default\/web skips this node \(DiskPressure\)/,
    },
    {
      when: 'the cache is pulling it',
      node: nodeWith(),
      caches: [cacheWith({ images: [redis], entry: { state: 'Pulling' } })],
      verdict: 'fails',
      reason: 'NotPulledYet',
      message: /is still pulling it/,
    },
    {
      when: 'the cache failed to pull it',
      node: nodeWith(),
      caches: [cacheWith({ images: [redis], entry: { state: 'Failed' }, failure: 'no such host' })],
      verdict: 'fails',
      reason: 'PullFailed',
      message: 'it is not on the node: the cache default/web failed to pull it (ErrImagePull: no such host)',
    },
    {
      when: 'the cache failed to pull it, and the list is cut',
      node: nodeWith({ isCut: true }),
      caches: [cacheWith({ images: [redis], entry: { state: 'Failed' }, failure: 'no such host' })],
      verdict: 'unproven',
      reason: 'PullFailed',
      message: /only a part of its images, and not this one: the cache default\/web failed/,
    },
    {
      when: 'there is no variant for the node, also if the list is cut',
      node: nodeWith({ isCut: true }),
      caches: [
        cacheWith({
          images: [redis],
          entry: { state: 'Failed' },
          failure:
            'rpc error: code = NotFound desc = failed to pull and unpack image: no match for platform in manifest',
        }),
      ],
      verdict: 'fails',
      reason: 'OtherPlatform',
      message: 'it is not on the node: the image has no variant for linux/arm64',
    },
    {
      when: 'the cache was edited and is not observed yet',
      node: nodeWith({ isCut: true }),
      caches: [cacheWith({ images: [redis], generation: 2 })],
      verdict: 'unproven',
      reason: 'NotObserved',
      message: /was changed, and its status is not about the change yet/,
    },
    {
      when: 'the node reports no images',
      node: { ...nodeWith(), images: new Set<string>() },
      verdict: 'unproven',
      reason: 'NotCached',
      message: 'the node reports no images, and not this one: no ImageCache lists it',
    },
  ])('$when: $verdict', check);
});

describe('the pull policy', () => {
  const latest = nodeWith({ images: ['docker.io/library/redis:latest'] });
  const caches = [cacheWith({ images: ['redis'] })];
  const byDefault =
    'imagePullPolicy is Always, the default for :latest and for no tag: the kubelet asks the registry at every start';
  it.each<Row>([
    {
      when: 'no tag',
      uses: 'redis',
      node: latest,
      caches,
      verdict: 'fails',
      reason: 'AlwaysPulled',
      message: byDefault,
    },
    {
      when: ':latest beside a digest',
      uses: `redis:latest@${digest}`,
      verdict: 'fails',
      reason: 'AlwaysPulled',
      message: byDefault,
    },
    {
      when: 'Always with a tag',
      uses: { image: redis, imagePullPolicy: 'Always' },
      caches: [cached],
      verdict: 'fails',
      reason: 'AlwaysPulled',
      message: 'imagePullPolicy is Always: the kubelet asks the registry at every start',
    },
    {
      when: 'IfNotPresent for :latest',
      uses: { image: 'redis', imagePullPolicy: 'IfNotPresent' },
      node: latest,
      caches,
      verdict: 'starts',
    },
    {
      when: 'a digest without a tag',
      uses: `redis@${digest}`,
      node: nodeWith({ isCut: true }),
      caches: [cacheWith({ images: [`redis@${digest}`] })],
      verdict: 'starts',
    },
  ])('$when: $verdict', check);
});

describe('who may start the image on a kubelet of 1.35 and newer', () => {
  const bySecret = (of: object = {}) =>
    cacheWith({ images: [redis], namespace: 'team-a', access: 'PullSecrets', secrets: ['reg'], ...of });
  const byAccount = (of: object = {}) =>
    cacheWith({ images: [redis], namespace: 'team-a', access: 'ServiceAccount', ...of });
  const unknownSecrets: PullSecrets = { isKnown: false, why: 'the service account team-a/default may not be read' };
  const inherited = (...names: readonly string[]): PullSecrets => ({
    isKnown: true,
    names,
    isFromServiceAccount: true,
  });

  it.each<Row>([
    {
      when: 'no cache has pulled it to the node',
      verdict: 'unproven',
      reason: 'PulledByNoCache',
      message:
        'no ImageCache has pulled it to this node: a preloaded image starts, one that a Pod pulled with credentials may not',
    },
    { when: 'the kubelet is older', node: nodeWith({ images: [redis], version: 'v1.34.2' }), verdict: 'starts' },
    { when: 'the kubelet is much older', node: nodeWith({ images: [redis], version: 'v1.30.14' }), verdict: 'starts' },
    {
      when: 'the kubelet is older, locked',
      node: nodeWith({ images: [redis], version: 'v1.34.2' }),
      caches: [bySecret()],
      verdict: 'starts',
    },
    {
      when: 'the secret of the cache',
      caches: [bySecret()],
      namespace: 'team-a',
      has: secrets('reg'),
      verdict: 'starts',
    },
    {
      when: 'no secret in the namespace of the cache',
      caches: [bySecret()],
      namespace: 'team-a',
      verdict: 'fails',
      reason: 'AccessDenied',
      message:
        'without the registry only Pods of namespace team-a with the pull secret reg may start it; the Pod has no pull secret',
    },
    {
      when: 'no secret, and the image is public',
      caches: [bySecret({ anonymousPull: 'Allowed' })],
      verdict: 'fails',
      reason: 'AccessDenied',
      message: /may start it, although the registry gives the image to anyone; the Pod has no pull secret$/,
    },
    {
      when: 'the same, if the cache spells it otherwise',
      caches: [bySecret({ images: ['redis:7'], anonymousPull: 'Allowed' })],
      verdict: 'fails',
      reason: 'AccessDenied',
      message: /may start it, although the registry gives the image to anyone; the Pod has no pull secret$/,
    },
    {
      when: 'no secret, and policy Never',
      uses: { image: redis, imagePullPolicy: 'Never' },
      caches: [bySecret()],
      verdict: 'fails',
      reason: 'AccessDenied',
      message: /no pull secret; imagePullPolicy is Never/,
    },
    {
      when: 'a secret of the same name in another namespace',
      caches: [bySecret()],
      namespace: 'team-b',
      has: secrets('reg'),
      verdict: 'unproven',
      reason: 'AccessUnknown',
      message: /whether the pull secret reg of the Pod has the same content is not known without reading Secrets$/,
    },
    {
      when: 'one of two secrets',
      caches: [bySecret({ secrets: ['reg', 'hub'] })],
      namespace: 'team-a',
      has: secrets('hub'),
      verdict: 'unproven',
      reason: 'AccessUnknown',
      message: /with the pull secrets reg or hub may start it; which of the secrets was used is not known/,
    },
    {
      when: 'the service account may not be read',
      caches: [bySecret()],
      namespace: 'team-a',
      has: unknownSecrets,
      verdict: 'unproven',
      reason: 'AccessUnknown',
      message: /the service account team-a\/default may not be read$/,
    },
    {
      when: 'the service account of the cache',
      caches: [byAccount()],
      namespace: 'team-a',
      has: inherited('reg'),
      verdict: 'starts',
    },
    {
      when: 'the account of the cache, which may not be read',
      caches: [byAccount()],
      namespace: 'team-a',
      has: unknownSecrets,
      verdict: 'starts',
    },
    {
      when: 'the account of the cache, but secrets of its own',
      caches: [byAccount()],
      namespace: 'team-a',
      has: secrets('mine'),
      verdict: 'unproven',
      reason: 'AccessUnknown',
      message: /the Pod names the pull secret mine, so it does not get the secrets of the service account/,
    },
    {
      when: 'another service account',
      caches: [byAccount({ serviceAccountName: 'puller' })],
      namespace: 'team-a',
      account: 'app',
      has: inherited(),
      verdict: 'fails',
      reason: 'AccessDenied',
      message: /only Pods of namespace team-a with the service account puller may start it; the Pod has another/,
    },
    {
      when: 'locked on this node only',
      caches: [bySecret({ access: 'Anyone', entry: { images: 'P' } })],
      verdict: 'fails',
      reason: 'AccessDenied',
      message: /with the pull secret reg may start it; the Pod has no pull secret/,
    },
    {
      when: 'locked on other nodes only',
      caches: [bySecret({ anonymousPull: 'Allowed', entry: { images: 'p' } })],
      verdict: 'starts',
    },
    {
      when: 'open on this node, unknown on others',
      caches: [bySecret({ access: 'Unknown', entry: { images: 'p' } })],
      verdict: 'starts',
    },
    {
      when: 'denied by the registry to anyone else, which is not listed as locked',
      caches: [bySecret({ anonymousPull: 'Denied', entry: { images: 'p' } })],
      verdict: 'fails',
      reason: 'AccessDenied',
      message: /may start it; the Pod has no pull secret$/,
    },
    {
      when: 'an account of the same name in another namespace',
      caches: [byAccount()],
      namespace: 'team-b',
      has: inherited(),
      verdict: 'fails',
      reason: 'AccessDenied',
      message: /only Pods of namespace team-a with the service account default may start it/,
    },
    {
      when: 'the account that the operator sets for caches that name none',
      caches: [byAccount({ usualAccount: 'puller' })],
      namespace: 'team-a',
      account: 'puller',
      has: inherited('reg'),
      verdict: 'starts',
    },
    {
      when: 'the cache does not know',
      caches: [cacheWith({ images: [redis], access: '' })],
      verdict: 'unproven',
      reason: 'AccessUnknown',
      message: 'who may start it without the registry is not known (cache default/web)',
    },
    {
      when: 'a future word for access',
      caches: [cacheWith({ images: [redis], access: 'Nobody' })],
      verdict: 'unproven',
      reason: 'AccessUnknown',
      message: /is not known/,
    },
    {
      when: 'one of two caches permits it',
      caches: [bySecret(), cacheWith({ name: 'open', images: [redis] })],
      verdict: 'starts',
    },
    {
      when: 'denied, but some caches cannot be read',
      caches: [bySecret()],
      hasAllCaches: false,
      verdict: 'unproven',
      reason: 'AccessUnknown',
      message: /caches that cannot be read may permit it$/,
    },
    {
      when: 'the image is there, but the last pull of the cache failed',
      caches: [cacheWith({ images: [redis], entry: { state: 'Failed' } })],
      verdict: 'unproven',
      reason: 'AccessUnknown',
      message: /for cache default\/web it is failed on this node$/,
    },
  ])('$when: $verdict', check);
});

describe('what the node supports', () => {
  const crio = nodeWith({ images: [redis], runtime: 'cri-o://1.34.1', version: 'v1.34.0' });
  const volume = { volumes: [{ name: 'data', image: { reference: redis } }] };
  it.each<Row>([
    {
      when: 'a name without a registry on CRI-O',
      uses: 'redis:7',
      node: crio,
      caches: [cached],
      verdict: 'unproven',
      reason: 'ShortName',
      message: 'the name has no registry, and CRI-O completes it by the configuration of the node',
    },
    {
      when: 'the same spelling in the cache',
      uses: 'redis:7',
      node: nodeWith({ images: ['quay.io/library/redis:7'], runtime: 'cri-o://1.34.1', version: 'v1.34.0' }),
      caches: [cacheWith({ images: ['redis:7'] })],
      verdict: 'starts',
    },
    { when: 'a name with a registry on CRI-O', node: crio, caches: [cached], verdict: 'starts' },
    { when: 'an image volume', uses: volume, caches: [cached], verdict: 'starts' },
    {
      when: 'an image volume on an older kubelet',
      uses: volume,
      node: nodeWith({ images: [redis], version: 'v1.33.0' }),
      verdict: 'unproven',
      reason: 'ImageVolumesUnknown',
      message: 'whether the node mounts images as volumes is not known (kubelet v1.33.0, containerd://2.2.9)',
    },
  ])('$when: $verdict', check);
});

it('reports who may start an image, by which caches, also where it does not start', () => {
  const locked = cacheWith({
    name: 'locked',
    namespace: 'team-a',
    images: [redis],
    access: 'PullSecrets',
    secrets: ['reg'],
  });
  expect(verdictOn({ when: '', verdict: 'fails', caches: [locked, cached] })).toMatchObject({
    presence: 'present',
    access: 'Anyone',
    caches: ['team-a/locked', 'default/web'],
  });
  expect(verdictOn({ when: '', verdict: 'fails', uses: 'redis', caches: [locked] })).toMatchObject({
    presence: 'absent',
    access: undefined,
    caches: [],
  });
});
