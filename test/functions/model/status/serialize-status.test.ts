import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FoundImages } from '#model/cache/found-images.ts';
import { emptyStatus, statusValues, type Status } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { newRemovalEntry, type RemovalEntry } from '#model/cache/removal-ledger.ts';
import { serializeStatus, serializeStatusWithoutTexts } from '#model/status/serialize-status.ts';
import { customResource, schemasByPath, type Schema } from '../../../crds/custom-resource.ts';
import { anyEntry, anyRound, anySecond } from '../any-status.ts';
import { cache, condition, digest, list, noon, pulling, round, spec, status } from '../builders.ts';

const tolerations = [{ key: 't', operator: 'Equal', value: 'v', effect: 'NoExecute', tolerationSeconds: 5 }] as const;

const found: FoundImages = {
  lists: [
    {
      list: 1,
      listHash: 'h1',
      pods: {
        nodeSelector: { pool: 'a' },
        terms: [[{ key: 'k', operator: 'In', values: ['v'] }]],
        tolerations,
      },
      images: [
        { image: 'web:1', workloads: ['Deployment/web'], workloadCount: 1, unnamedSince: undefined },
        { image: 'web:2', workloads: [], workloadCount: 0, unnamedSince: noon },
      ],
    },
  ],
  pullSecrets: [{ name: 's', unnamedSince: noon }],
  recordedAt: noon,
  problem: 'p',
};

const live = cache({ found, spec: spec({ lists: [list(['app:1', 'base:2']), list(['app:1', 'tool:3'])] }) });

const removal = (of: Partial<RemovalEntry>): RemovalEntry => ({ ...newRemovalEntry('id', 'u1', 7), attempt: 1, ...of });

/** A status with a value in every field. */
const full: Status = {
  status: 'Failed',
  reason: 'ImageCacheUpdate',
  message: 'm',
  startTime: noon,
  completionTime: noon + 1000,
  failures: { 'app:1': [{ node: 'n2', reason: 'ErrImagePull', message: 'x' }] },
  observedGeneration: 3,
  conditions: [condition({ message: 'm' }), condition({ type: 'Stalled', status: 'Unknown' })],
  digests: { 'app:1': digest },
  anonymousPulls: { 'docker.io/library/app:1': 'Denied', 'docker.io/library/base:2': 'Allowed' },
  knownDigests: { 'app:1': { digest, unresolvedReason: 'x', hasMismatch: true, lastUnresolvedPull: noon } },
  absentImages: ['app:1'],
  registries: {
    'docker.io': {
      ...{ pulls: 3, pullsUntil: noon, restsUntil: noon, restSeconds: 300, restsAlone: true },
      ...{ restsByAnswer: true, pullsLeft: 7, pullsLeftUntil: noon, waitsUntil: noon, triedUntil: noon },
    },
  },
  nodes: {
    n1: pulling({ desiredHash: 'w1', state: 'Ready', noop: 'p' }),
    n2: pulling({ desiredHash: 'w1', state: 'Failed', images: 'af', rests: 1 }),
    n3: pulling({
      desiredHash: 'w2',
      state: 'Pulling',
      images: 'Vp',
      noop: 'W',
      oneImagePerJob: true,
      failingUntil: noon,
      retryDeadline: noon,
      hadImages: 'pf',
      copiesNoop: true,
      readyAt: noon - 60_000,
      lostAt: noon,
      losses: 2,
      topology: 'zone-a',
      opening: 'Noop',
    }),
    n4: pulling({ desiredHash: 'w2', retainedHash: 'w1', state: 'Skipped', reason: 'NotReady' }),
  },
  desired: { w1: [0], w2: [1] },
  found,
  placements: [
    {
      images: ['old:1'],
      nodeSelector: { pool: 'a' },
      nodeMatchExpressions: [{ key: 'k', operator: 'In', values: ['v'] }],
      tolerations,
      sinceGeneration: 2,
      lists: [0],
    },
  ],
  removals: {
    n1: removal({
      state: 'Removed',
      removed: 3,
      absent: 1,
      spared: 2,
      freedBytes: 7_000_000_000,
      sparedImages: [
        { image: 'old:1', reason: 'InUse', by: 'apps/web-1/app' },
        { image: 'old:2', reason: 'Pinned', by: '' },
      ],
    }),
    n2: removal({ state: 'Failed', reason: 'RemovalFailed', message: 'why', retryTime: noon + 15_000 }),
  },
  toRemove: { u1: ['old:1', 'old:2'] },
  round: round({ number: 7, requestedBy: { annotation: 'kubefledged.io/refresh-imagecache', value: '' } }),
  lastRefreshTime: noon + 1000,
  nextRefreshTime: noon + 901_000,
  nextWaveTime: noon + 60_000,
  lastHandledRefreshAt: 'token',
  lastHandledPurgeAt: 'token-of-purge',
};

describe('serialized status', () => {
  it('has every field', () => {
    expect(serializeStatus(full, live)).toEqual({
      format: 1,
      status: 'Failed',
      reason: 'ImageCacheUpdate',
      message: 'm',
      startTime: '2026-11-24T12:00:00Z',
      completionTime: '2026-11-24T12:00:01Z',
      failures: { 'app:1': [{ node: 'n2', reason: 'ErrImagePull', message: 'x' }] },
      failuresOmitted: 2,
      observedGeneration: 3,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'AllImagesPresent',
          message: 'm',
          observedGeneration: 1,
          lastTransitionTime: '2026-11-24T12:00:00Z',
        },
        {
          type: 'Stalled',
          status: 'Unknown',
          reason: 'AllImagesPresent',
          message: '',
          observedGeneration: 1,
          lastTransitionTime: '2026-11-24T12:00:00Z',
        },
      ],
      nodesReady: '1/3',
      nodeCounts: { desired: 3, ready: 1, pulling: 1, failing: 0, failed: 1, held: 0, skipped: 1 },
      images: [
        {
          ...{
            image: 'app:1',
            anonymousPull: 'Denied',
            access: 'ServiceAccount',
            digest,
            resolvedDigest: digest,
            unresolvedReason: 'x',
            digestMismatch: true,
            registryAnswer: 'NotFound',
          },
          ...{ lastUnresolvedPullTime: '2026-11-24T12:00:00Z', ready: 1, failed: 2 },
        },
        { image: 'base:2', anonymousPull: 'Allowed', access: 'Anyone', ready: 1, failed: 1 },
        { image: 'tool:3', access: 'Anyone', ready: 1, failed: 0 },
      ],
      nodes: {
        n1: { id: 'a1a1a1a1', desiredHash: 'w1', attempt: 1, state: 'Ready', noop: 'p' },
        n2: {
          id: 'a1a1a1a1',
          desiredHash: 'w1',
          attempt: 1,
          state: 'Failed',
          images: 'af',
          rests: 1,
        },
        n3: {
          id: 'a1a1a1a1',
          desiredHash: 'w2',
          attempt: 1,
          state: 'Pulling',
          images: 'Vp',
          noop: 'W',
          opening: 'Noop',
          oneImagePerJob: true,
          failingUntil: '2026-11-24T12:00:00Z',
          retryDeadline: '2026-11-24T12:00:00Z',
          hadImages: 'pf',
          copiesNoop: true,
          readyAt: noon / 1000 - 60,
          lostAt: noon / 1000,
          losses: 2,
          topology: 'zone-a',
        },
        n4: {
          ...{ id: 'a1a1a1a1', desiredHash: 'w2', retainedHash: 'w1' },
          ...{ attempt: 1, state: 'Skipped', reason: 'NotReady' },
        },
      },
      desired: { w1: [0], w2: [1] },
      imagesFrom: {
        lists: [
          {
            list: 1,
            listHash: 'h1',
            placement: {
              nodeSelector: { pool: 'a' },
              nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'In', values: ['v'] }] }],
              tolerations,
            },
            images: [
              { image: 'web:1', workloads: ['Deployment/web'], workloadCount: 1 },
              { image: 'web:2', workloads: [], workloadCount: 0, unnamedSince: '2026-11-24T12:00:00Z' },
            ],
          },
        ],
        imagePullSecrets: [{ name: 's', unnamedSince: '2026-11-24T12:00:00Z' }],
        recordedTime: '2026-11-24T12:00:00Z',
        problem: 'p',
      },
      placements: [
        {
          images: ['old:1'],
          nodeSelector: { pool: 'a' },
          nodeMatchExpressions: [{ key: 'k', operator: 'In', values: ['v'] }],
          tolerations,
          sinceGeneration: 2,
          lists: [0],
        },
      ],
      round: {
        ...{ number: 7, operation: 'Create', generation: 1, trigger: 'Spec', startTime: '2026-11-24T12:00:00Z' },
        completionTime: '2026-11-24T12:00:01Z',
        requestedBy: { annotation: 'kubefledged.io/refresh-imagecache', value: '' },
      },
      lastRefreshTime: '2026-11-24T12:00:01Z',
      nextRefreshTime: '2026-11-24T12:15:01Z',
      nextWaveTime: '2026-11-24T12:01:00Z',
      lastHandledRefreshAt: 'token',
      lastHandledPurgeAt: 'token-of-purge',
      registries: {
        'docker.io': {
          pulls: 3,
          pullsUntil: '2026-11-24T12:00:00Z',
          restsUntil: '2026-11-24T12:00:00Z',
          restSeconds: 300,
          restsAlone: true,
          restsByAnswer: true,
          pullsLeft: 7,
          pullsLeftUntil: '2026-11-24T12:00:00Z',
          waitsUntil: '2026-11-24T12:00:00Z',
          triedUntil: '2026-11-24T12:00:00Z',
        },
      },
      removals: {
        n1: {
          ...{ id: 'id', imagesHash: 'u1', round: 7, attempt: 1, state: 'Removed' },
          ...{ removed: 3, absent: 1, spared: 2, freedBytes: 7_000_000_000 },
          sparedImages: [
            { image: 'old:1', reason: 'InUse', by: 'apps/web-1/app' },
            { image: 'old:2', reason: 'Pinned' },
          ],
        },
        n2: {
          ...{ id: 'id', imagesHash: 'u1', round: 7, attempt: 1, state: 'Failed' },
          ...{ reason: 'RemovalFailed', message: 'why', retryTime: '2026-11-24T12:00:15Z' },
        },
      },
      toRemove: { u1: ['old:1', 'old:2'] },
    });
  });

  it('has only fields of the CRD, with their types', () => {
    const [{ schema }] = customResource.spec.versions;
    const of = new Map(schemasByPath(schema.openAPIV3Schema)).get('.status');
    expect(of === undefined ? ['no .status'] : mismatches(serializeStatus(full, live), of, 'status')).toEqual([]);
  });

  it('sets every field of the CRD', () => {
    const [{ schema }] = customResource.spec.versions;
    const status = schemasByPath(schema.openAPIV3Schema).find(([path]) => path === '.status')?.[1] ?? {};
    const written = new Set(pathsIn(serializeStatus(full, live), status, 'status'));
    expect(fieldsOf(status, 'status').filter((path) => !written.has(path))).toEqual([]);
  });

  it('omits empty fields', () => {
    expect(serializeStatus(emptyStatus, cache())).toEqual({
      format: 1,
      failuresOmitted: 0,
      conditions: [],
      nodesReady: '0/0',
      nodeCounts: { desired: 0, ready: 0, pulling: 0, failing: 0, failed: 0, held: 0, skipped: 0 },
      images: [],
      nodes: {},
      desired: {},
      placements: [],
    });
  });

  it('without texts has the whole ledger and what registries deny, and counts the omitted failures', () => {
    const { failures, images, failuresOmitted, nodes } = serializeStatusWithoutTexts(full, live);
    const denied = { image: 'app:1', access: 'ServiceAccount', anonymousPull: 'Denied' };
    expect({ failures, images, failuresOmitted }).toEqual({
      failures: undefined,
      images: [denied],
      failuresOmitted: 3,
    });
    expect(nodes).toEqual(serializeStatus(full, live)['nodes']);
  });

  it('says who can start an image by the nodes that have it', () => {
    const withSecret = cache({ spec: spec({ lists: [list(['app:1', 'base:2'])], imagePullSecrets: ['login'] }) });
    const nodes = {
      n1: pulling({ desiredHash: 'w1', state: 'Ready', noop: 'p' }),
      n2: pulling({ desiredHash: 'w1', state: 'Failed', images: 'fp' }), // not known to have used credentials
    };
    const { images } = serializeStatus({ ...emptyStatus, nodes, desired: { w1: [0] } }, withSecret);
    expect(images).toMatchObject([
      { image: 'app:1', access: 'Anyone', ready: 1, failed: 1 },
      { image: 'base:2', access: 'Unknown', ready: 2, failed: 0 },
    ]);
  });

  it('keeps and counts the failures of a node that is now skipped', () => {
    const away = pulling({ desiredHash: 'w1', state: 'Skipped', reason: 'NotReady', images: 'f' });
    const serialized = serializeStatus({ ...full, nodes: { n2: away } }, live);
    expect(serialized).toMatchObject({
      failures: full.failures,
      failuresOmitted: 1,
      nodeCounts: { desired: 0, failed: 0, skipped: 1 },
    });
  });

  it('is parsed to the same status', () => {
    expect(reread(full)).toEqual(full);
    expect(reread(emptyStatus)).toEqual(emptyStatus);
  });

  const word = fc.stringMatching(/^[a-z0-9-]{1,8}$/);
  const index = fc.nat({ max: 9 });
  const storedStatus = fc.record({
    status: fc.constantFrom(...statusValues),
    reason: word,
    message: fc.string(),
    startTime: fc.option(anySecond, { nil: undefined }),
    completionTime: fc.option(anySecond, { nil: undefined }),
    observedGeneration: fc.option(index, { nil: undefined }),
    nodes: fc.dictionary(word, anyEntry(anySecond), { noNullPrototype: true }),
    desired: fc.dictionary(word, fc.array(index), { noNullPrototype: true }),
    round: fc.option(anyRound(anySecond), { nil: undefined }),
  });

  it('is parsed to the same status, for any status', () => {
    fc.assert(
      fc.property(storedStatus, (of) => {
        expect(reread(status(of))).toEqual(status(of));
      }),
    );
  });
});

const reread = (of: Status): Status =>
  parseImageCache({
    metadata: { namespace: 'apps', name: 'web', uid: 'u', resourceVersion: '1' },
    status: JSON.parse(JSON.stringify(serializeStatus(of, live))) as unknown,
  }).status;

/** Paths of fields that the schema does not have, or has with another type. */
function mismatches(value: unknown, schema: Schema, path: string): readonly string[] {
  if (schema['type'] !== typeOf(value)) return [`${path}: ${typeOf(value)} is no ${String(schema['type'])}`];
  if (Array.isArray(value))
    return value.flatMap((item) => (schema.items === undefined ? [path] : mismatches(item, schema.items, `${path}[]`)));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const of = schema.properties?.[key] ?? schema.additionalProperties;
    return of === undefined ? [`${path}.${key}`] : mismatches(child, of, `${path}.${key}`);
  });
}

/** Paths of the fields that a schema has; items of lists and values of maps are `*`. */
const fieldsOf = ({ properties = {}, additionalProperties, items }: Schema, path: string): readonly string[] => [
  ...Object.entries(properties).flatMap(([key, child]) => [`${path}.${key}`, ...fieldsOf(child, `${path}.${key}`)]),
  ...[additionalProperties, items].flatMap((child) => (child === undefined ? [] : fieldsOf(child, `${path}.*`))),
];

/** Paths of the fields that a value has, in the same form. */
function pathsIn(value: unknown, { properties = {}, additionalProperties, items }: Schema, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const isField = key in properties;
    const schema = properties[key] ?? additionalProperties ?? items;
    const at = `${path}.${isField ? key : '*'}`;
    return [...(isField ? [at] : []), ...(schema === undefined ? [] : pathsIn(child, schema, at))];
  });
}

const typeOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
};
