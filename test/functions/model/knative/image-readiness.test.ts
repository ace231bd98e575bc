import { describe, expect, it } from 'vitest';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { newEntry, type LedgerEntry } from '#model/cache/ledger.ts';
import { withFound } from '#model/cache/found-images.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import { readinessIn } from '#model/knative/image-readiness.ts';
import { parseKnativeImage } from '#model/knative/knative-image.ts';
import { cache, list, noon, round, settings, spec, status } from '../builders.ts';

const reference = 'registry.example/app@sha256:' + '1'.repeat(64);
const image = (of: object = {}, given = reference) =>
  parseKnativeImage({
    metadata: { namespace: 'apps', name: 'app', generation: 1, resourceVersion: '1' },
    spec: { image: given },
    ...of,
  });

/** A made cache that has found the image, with these entries of nodes. */
function found(entries: readonly Partial<LedgerEntry>[], of: Partial<ImageCache['status']> = {}): ImageCache {
  const imagesFrom = {
    kinds: ['Revision'],
    selector: { matchLabels: {}, matchExpressions: [] },
    nodes: 'AsPods',
    keepSeconds: 3600,
  } as const;
  const images = [{ image: reference, workloads: [], workloadCount: 1, unnamedSince: undefined }];
  const lists = [{ list: 0, listHash: '', pods: undefined, images }];
  const named = { lists, pullSecrets: [], recordedAt: noon, problem: '' };
  const made = withFound(
    cache({
      name: 'knative-images',
      annotations: { 'kubefledged.io/made-for': 'knative-images' },
      spec: spec({ lists: [list([], { imagesFrom })] }),
    }),
    named,
  );
  const { hash, lists: indexes } = desiredImagesOf(made, [1], settings());
  const nodes = Object.fromEntries(
    entries.map((entry, index) => [`node-${index + 1}`, { ...newEntry(`id-${index}`, hash), ...entry }]),
  );
  return {
    ...made,
    status: status({
      observedGeneration: 1,
      found: named,
      round: round(),
      completionTime: noon,
      desired: { [hash]: indexes },
      nodes,
      ...of,
    }),
  };
}

const is = (state: LedgerEntry['state'], of: Partial<LedgerEntry> = {}): Partial<LedgerEntry> => ({ state, ...of });
const failures = { [reference]: [{ node: 'node-2', reason: 'ErrImagePull', message: 'not found' }] };
const open = { status: 'Processing', completionTime: undefined, round: round({ number: 2 }) } as const;

describe('an Image', () => {
  it.each([
    ['is on all nodes', found([is('Ready'), is('Ready')]), 'True Present: on 2 of 2 nodes'],
    ['is not on one', found([is('Ready'), is('Pulling')]), 'Unknown Pulling: on 1 of 2 nodes'],
    [
      'fails on one',
      found([is('Ready'), is('Failed', { images: 'fp' })], { failures }),
      'False ErrImagePull: on 1 of 2 nodes; node-2: not found',
    ],
    [
      'fails and is tried again',
      found([is('Ready'), is('Pulling', { images: 'ew' })], { failures }),
      'False ErrImagePull: on 1 of 2 nodes; node-2: not found',
    ],
    ['is on the nodes that are not skipped', found([is('Ready'), is('Skipped')]), 'True Present: on 1 of 1 nodes'],
    ['has no node', found([]), 'Unknown NoNodes: no node is selected for it'],
    ['has no node yet', found([], open), 'Unknown Pending: nodes are being selected'],
    [
      'is on some of many nodes',
      found([...Array.from({ length: 57 }, () => is('Ready')), ...Array.from({ length: 43 }, () => is('Pulling'))]),
      'Unknown Pulling: on at least 50 of 100 nodes',
    ],
  ])('%s', (_, made, expected) => {
    const { status: word, reason, message } = readinessIn(made)(image());
    expect(`${word} ${reason}: ${message}`).toBe(expected);
  });

  it('is reported in at most twelve steps, however many nodes there are', () => {
    const reported = Array.from(
      { length: 301 },
      (_, count) =>
        readinessIn(
          found([
            ...Array.from({ length: count }, () => is('Ready')),
            ...Array.from({ length: 300 - count }, () => is('Pulling')),
          ]),
        )(image()).message,
    );
    expect(new Set(reported).size).toBeLessThanOrEqual(12);
  });

  it('stays Ready while a round is open, but not if it fails or was not Ready', () => {
    const conditions = [
      { type: 'Ready', status: 'True', reason: 'Present', message: 'on 2 of 2 nodes', lastTransitionTime: 'T' },
    ];
    const wasReady = image({ status: { observedGeneration: 1, conditions } });
    const pulling = [is('Ready'), is('Pulling')];
    expect(readinessIn(found(pulling, open))(wasReady).status).toBe('True');
    expect(readinessIn(found(pulling, { ...open, round: round() }))(wasReady).status).toBe('Unknown');
    expect(readinessIn(found(pulling, open))(image()).status).toBe('Unknown');
    expect(readinessIn(found(pulling))(wasReady).status).toBe('Unknown');
    const failing = [is('Ready'), is('Pulling', { images: 'ew' })];
    expect(readinessIn(found(failing, { ...open, failures }))(wasReady).status).toBe('False');
  });

  it('is found by any spelling of its name', () => {
    const spelled = reference.replace('app@', 'app:v1@');
    expect(readinessIn(found([is('Ready')]))(image({}, spelled)).status).toBe('True');
  });
});
