import { describe, expect, it } from 'vitest';
import { parseCache } from '../behaviour/observed.ts';
import { seenCache } from './ending.ts';
import { isUnderWay } from './settle.ts';

const noon = Date.parse('2026-11-24T12:00:00Z');

/** Whether a cache with this status is under way one minute before a failed removal is tried again, at noon. */
const asked = (
  status: object,
  { spec = {}, metadata = {}, isForbidden = false, until = noon - 60_000 } = {},
): boolean => {
  const resting = { status: 'Failed', observedGeneration: 1, nodes: { n1: { state: 'Failed' } } };
  const object = {
    metadata: { name: 'web', uid: 'uid', generation: 1, ...metadata },
    spec: { cacheSpec: [], ...spec },
    status: { ...resting, ...status },
  };
  return isUnderWay(seenCache(parseCache(object)), { isForbidden, until });
};

const failedRemoval = { nodes: {}, removals: { n1: { state: 'Failed', retryTime: '2026-11-24T12:00:00Z' } } };

describe('nothing is under way', () => {
  it.each([
    [
      'on nodes that have everything, failed or are skipped',
      asked({ nodes: { n1: { state: 'Ready' }, n2: { state: 'Skipped' } } }),
    ],
    [
      'once all removals are done, or wait for nodes',
      asked({ removals: { n1: { state: 'Removed' }, n2: { state: 'Skipped' } } }),
    ],
    ['on a node that keeps the old images, as it failed to pull', asked({ removals: { n1: { state: 'Pending' } } })],
    ['where a quota forbids a removal, until it is tried again', asked(failedRemoval, { isForbidden: true })],
    [
      'while the pulls of a registry still count for long',
      asked({ registries: { 'r.example': { pulls: 3, pullsUntil: '2026-11-24T12:00:00Z' } } }),
    ],
    ['of a suspended cache', asked({ nodes: { n1: { state: 'Pending' } } }, { spec: { suspend: true } })],
  ])('%s', (_, is) => {
    expect(is).toBe(false);
  });
});

describe('something is under way', () => {
  it.each([
    ['in a round', asked({ status: 'Processing' })],
    ['on a node that joined a failed cache', asked({ nodes: { n1: { state: 'Failed' }, n2: { state: 'Pulling' } } })],
    ['while the cache says so', asked({ conditions: [{ type: 'Reconciling', status: 'True' }] })],
    [
      'while a removal is at work, whatever a quota forbids',
      asked({ removals: { n1: { state: 'Removing' } } }, { isForbidden: true }),
    ],
    ['while a failed removal can succeed', asked(failedRemoval)],
    ['when what a quota forbids is about to be tried again', asked(failedRemoval, { isForbidden: true, until: noon })],
    [
      'until an edit is observed, also of a suspended cache',
      asked({}, { spec: { suspend: true }, metadata: { generation: 2 } }),
    ],
    [
      'until a request by annotation is done',
      asked({}, { metadata: { annotations: { 'kubefledged.io/refresh-imagecache': '' } } }),
    ],
    [
      'until a request by token is handled',
      asked({ lastHandledPurgeAt: '1' }, { metadata: { annotations: { 'kubefledged.io/purge-requested-at': '2' } } }),
    ],
    [
      'when what is noted of a registry is about to be forgotten',
      asked({ registries: { 'r.example': { pulls: 3, pullsUntil: '2026-11-24T12:00:00Z' } } }, { until: noon }),
    ],
    ['until a deletion has ended', asked({}, { metadata: { deletionTimestamp: '2026-11-24T11:00:00Z' } })],
  ])('%s', (_, is) => {
    expect(is).toBe(true);
  });
});
