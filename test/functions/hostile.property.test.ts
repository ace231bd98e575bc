import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { handlers } from '../../functions/handlers.ts';
import { createCluster } from '#runtime/cluster/cluster.ts';
import { failureKind } from '#runtime/errors.ts';
import { isLawfulPath } from '../fuzz/api-path.ts';
import { repetitions } from '../support/repetitions.ts';
import { aCache, cachePath, changed, scene, tick, type Scene } from './scene.ts';

vi.setConfig({ testTimeout: 60_000 }); // on a machine that may be loaded

const hostile = fc.constantFrom(
  ...[
    '..',
    '../../secrets/x',
    '$(reboot)',
    '`id`',
    'a\nb',
    '\u001b[31m',
    '__proto__',
    'constructor',
    '',
    'node-1',
    '\ud800',
  ],
);
const json = fc.oneof(hostile, fc.integer(), fc.boolean(), fc.constant(null), fc.jsonValue({ maxDepth: 2 }));

/** A status as somebody may have left it: real fields, with whatever the schema of the CRD would let pass or not. */
const status = fc.record(
  {
    status: fc.oneof(fc.constantFrom('Processing', 'Succeeded', 'Failed', 'Aborted'), hostile),
    format: fc.constantFrom<unknown>(1, 1, 1, 1, 2, '1'),
    observedGeneration: fc.integer({ min: 0, max: 3 }),
    nodes: fc.dictionary(
      hostile,
      fc.record({
        id: hostile,
        desiredHash: hostile,
        attempt: fc.nat(9),
        state: fc.constantFrom('Pending', 'Pulling', 'Ready', 'Failed', 'Skipped'),
      }),
    ),
    removals: fc.dictionary(
      hostile,
      fc.record({
        id: hostile,
        imagesHash: hostile,
        round: fc.nat(9),
        attempt: fc.nat(9),
        state: fc.constantFrom('Pending', 'Removing', 'Removed', 'Failed'),
      }),
    ),
    toRemove: fc.dictionary(hostile, fc.array(hostile, { maxLength: 3 })),
    desired: fc.dictionary(hostile, fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 })),
    failures: fc.dictionary(
      hostile,
      fc.array(fc.record({ node: hostile, reason: hostile, message: hostile }), { maxLength: 2 }),
    ),
    placements: fc.array(fc.record({ images: fc.array(hostile, { maxLength: 2 }), sinceGeneration: fc.nat(3) }), {
      maxLength: 2,
    }),
    round: fc.record({
      number: fc.nat(9),
      operation: fc.constantFrom('Create', 'Update', 'Refresh', 'Purge'),
      trigger: fc.constantFrom('Spec', 'Annotation', 'Deletion'),
      generation: fc.nat(3),
    }),
    lastHandledPurgeAt: hostile,
  },
  { requiredKeys: ['format'] },
);

const spec = fc.record(
  {
    cacheSpec: fc.array(
      fc.record({
        images: fc.array(hostile, { maxLength: 4 }),
        nodeSelector: fc.dictionary(hostile, hostile, { maxKeys: 2 }),
      }),
      { maxLength: 2 },
    ),
    imagePullSecrets: fc.array(fc.record({ name: hostile }), { maxLength: 2 }),
    deletionPolicy: fc.constantFrom('Purge', 'Retain'),
    serviceAccountName: hostile,
    priorityClassName: hostile,
  },
  { requiredKeys: ['cacheSpec'] },
);

/** Hands all four functions an event of the cache, and a tick. Fails for an unexpected error, also one that a tick goes on after. */
async function woken(on: Scene): Promise<void> {
  const failures: unknown[] = [];
  const countFailure = (error: unknown): void => void failures.push(error);
  for (const handler of Object.values(handlers))
    for (const notice of [changed(aCache), changed(aCache, { isRemoval: true }), tick])
      await handler(notice, { ...on.context, countFailure }).catch(countFailure);
  for (const error of failures) if (failureKind(error) === 'unexpected') throw error;
}

/** A scene whose functions' calls are looked at as they go over the wire. */
const watched = (on: Scene): Scene => {
  const request: typeof on.api.request = async (call) => {
    expect(isLawfulPath(call.path), call.path).toBe(true);
    if (call.method !== 'GET') expect(call.path).toMatch(/^\/api(s\/[a-z.]+)?\/\w+\/namespaces\/(apps|kube-fledged)\//);
    return on.api.request(call);
  };
  return { ...on, context: { ...on.context, cluster: createCluster({ ...on.api, request }) } };
};

const begun = (given: object, state: unknown): Scene => {
  const on = scene();
  on.nodes('node-1', 'node-2');
  const metadata = { name: 'web', namespace: 'apps', uid: 'uid-of-web', generation: 2, annotations: {} };
  on.api.put(cachePath(), { metadata, spec: given, status: state });
  return on;
};

it('with any status, no function crashes or makes requests elsewhere', async () => {
  const given = { cacheSpec: [{ images: ['app:1', 'base:2'] }] };
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: status }, json), async (state) => {
      const on = begun(given, state);
      await woken(watched(on));
    }),
    { numRuns: repetitions(30, 300) },
  );
});

it('with any spec, no function crashes or makes requests elsewhere', async () => {
  await fc.assert(
    fc.asyncProperty(spec, async (given) => {
      const on = begun(given, undefined);
      await woken(watched(on));
    }),
    { numRuns: repetitions(30, 300) },
  );
});
