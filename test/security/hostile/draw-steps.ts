import { createHash } from 'node:crypto';
import fc from 'fast-check';

/** What a tenant does who may edit ImageCaches of one namespace, and nothing else. */
export type Step =
  | { readonly type: 'apply'; readonly cache: string; readonly spec: object; readonly after: number }
  | {
      readonly type: 'annotate';
      readonly cache: string;
      readonly annotations: Readonly<Record<string, string>>;
      readonly after: number;
    }
  | { readonly type: 'delete'; readonly cache: string; readonly after: number };

export const tenant = 'tenant';

/** What the tenant may have, and what it knows of others. What it does not know has a name that the history draws. */
export const known = {
  own: [
    'registry.example/tenant/app:1',
    'registry.example/tenant/app:2',
    'registry.example/tenant/tool:1',
    'registry.example/tenant/moving',
  ],
  shared: ['registry.example/shared/base:1'],
  neighbour: ['registry.example/neighbour/web:1'],
  platform: ['registry.example/platform/agent:1'],
} as const;

export const ourImages = {
  noop: 'ghcr.io/imagecache-functions/imagecache-noop:hostile',
  removal: 'ghcr.io/imagecache-functions/imagecache-functions:hostile',
} as const;

/** The content of the neighbour's image, as the simulator makes it up. */
const neighbourDigest = `sha256:${createHash('sha256').update(known.neighbour[0]).digest('hex')}`;

/** References by which a list of repositories, an address check or an argument might be passed. */
const tricks = [
  'evil.example/x:1',
  'evil.example:8443/x:1',
  '127.0.0.1:8080/x:1',
  '10.96.0.1:443/x:1',
  '169.254.169.254/latest:1',
  '[::1]:5000/x:1',
  '[64:ff9b::a9fe:a9fe]/x:1',
  'localhost:5000/tenant/app:1',
  'registry.example:443/tenant/app:1',
  'REGISTRY.EXAMPLE/tenant/app:1',
  'registry.example/tenantx/app:1',
  'registry.example/tenant',
  'registry.example/tenant/../neighbour/web:1',
  'registry.example/tenant%2f..%2fneighbour/web:1',
  'registry.example/tenant//app:1',
  'user@registry.example/tenant/app:1',
  'registry.example@evil.example/tenant/app:1',
  'tenant/app:1',
  'registry.example/tenant/app:1 --remove=registry.example/neighbour/web:1',
  '--remove=registry.example/neighbour/web:1',
  `registry.example/tenant/web@${neighbourDigest}`,
  `registry.example/neighbour/web@${neighbourDigest}`,
  neighbourDigest,
  '*',
  '',
] as const;

const manyImages = (most: number): readonly string[] =>
  Array.from({ length: most + 1 }, (_, at) => `registry.example/tenant/many-${at}:1`);

const allowed = fc.constantFrom(...known.own, ...known.shared);
const missing = fc.nat({ max: 9 }).map((number) => `registry.example/tenant/missing-${number}:1`);
const foreign = fc.constantFrom(...known.neighbour, ...known.platform, ...Object.values(ourImages));

const anyImages = fc.oneof(
  { weight: 6, arbitrary: fc.array(allowed, { minLength: 1, maxLength: 5 }) },
  { weight: 1, arbitrary: fc.array(fc.oneof(allowed, missing), { minLength: 1, maxLength: 5 }) },
  { weight: 2, arbitrary: fc.array(fc.oneof(allowed, foreign), { minLength: 1, maxLength: 4 }) },
  { weight: 2, arbitrary: fc.tuple(allowed, fc.constantFrom(...tricks)).map((images) => [...images]) },
  { weight: 1, arbitrary: fc.nat({ max: 120 }).map(manyImages) },
);

const list = fc.record(
  {
    images: anyImages,
    imagesFrom: fc.constantFrom(
      { kinds: ['Deployment'] },
      { kinds: ['Pod'], selector: { matchLabels: { app: 'web' } } },
    ),
    nodeSelector: fc.constantFrom({}, { pool: 'hostile' }, { 'node-role.kubernetes.io/control-plane': '' }),
  },
  { requiredKeys: ['images'] },
);

const spec = fc.record(
  {
    cacheSpec: fc.array(list, { minLength: 1, maxLength: 3 }),
    imagePullSecrets: fc.constant([{ name: 'of-the-neighbour' }]),
    serviceAccountName: fc.constantFrom('default', 'of-the-neighbour'),
    imagePullPolicy: fc.constantFrom('Always', 'IfNotPresent'),
    deletionPolicy: fc.constantFrom('Purge', 'Retain'),
    keepSeconds: fc.constantFrom(0, 5, 60),
    pullsPerNode: fc.constantFrom(1, 8, 64),
    priorityClassName: fc.constantFrom('high', 'system-node-critical'),
    tolerations: fc.constant([{ operator: 'Exists' }]),
    podMetadata: fc.constantFrom(
      { labels: { app: 'web' } },
      { labels: { 'kubefledged.io/removal': 'true' } },
      { annotations: { 'vault.security.banzaicloud.io/vault-addr': 'https://evil.example' } },
    ),
    refresh: fc.constantFrom({ intervalSeconds: 60 }, { schedule: '* * * * *' }),
    rollout: fc.constantFrom({ canaryNodes: 1 }, { canaryNodes: '100%' }),
    suspend: fc.boolean(),
  },
  { requiredKeys: ['cacheSpec'] },
);

const plain = fc.record({ cacheSpec: fc.array(list, { minLength: 1, maxLength: 2 }) });
const cache = fc.constantFrom('a', 'b', 'c');
const after = fc.constantFrom(0, 0, 200, 1_000, 5_000, 20_000);
const anySpec = fc.oneof({ weight: 2, arbitrary: plain }, { weight: 1, arbitrary: spec });

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('apply' as const), cache, spec: anySpec, after }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('annotate' as const),
      cache,
      annotations: fc.constantFrom<Readonly<Record<string, string>>>(
        { 'kubefledged.io/purge-imagecache': '' },
        { 'kubefledged.io/refresh-imagecache': '' },
        { 'kubefledged.io/refresh-imagecache': 'verify' },
        { 'kubefledged.io/purge-imagecache': '', 'kubefledged.io/refresh-imagecache': '' },
      ),
      after,
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), cache, after }) },
);

export const drawSteps = (seed: number): readonly Step[] => {
  const [steps = []] = fc.sample(fc.array(step, { minLength: 10, maxLength: 30 }), { seed, numRuns: 1 });
  return steps;
};
