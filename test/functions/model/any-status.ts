import fc, { type Arbitrary } from 'fast-check';
import { anonymousPulls } from '#model/cache/image-answers.ts';
import type { FoundImages } from '#model/cache/found-images.ts';
import { statusValues, type Status } from '#model/cache/image-cache.ts';
import { unpackedImages } from '#model/cache/image-states.ts';
import { nodeStates, openings, type LedgerEntry } from '#model/cache/ledger.ts';
import { removalStates, spareReasons } from '#model/cache/removal-ledger.ts';
import { operations, triggers, type Round } from '#model/cache/round.ts';

/** Values of the status for property tests, from few texts and numbers, so that they often refer to each other. */

const index = fc.nat({ max: 3 });
const indexes = fc.array(index, { maxLength: 3 });
const text = fc.constantFrom('', 'a', 'b');
const maybe = <T>(value: Arbitrary<T>): Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const record = <T>(key: Arbitrary<string>, value: Arbitrary<T>, maxKeys = 3): Arbitrary<Record<string, T>> =>
  fc.dictionary(key, value, { maxKeys, noNullPrototype: true });

const image = fc.constantFrom('app:1', 'base:2', 'tool:3', 'constructor');
const images = fc.uniqueArray(image, { maxLength: 3 });
const node = fc.constantFrom('n1', 'n2', 'n3', '4', 'constructor');
const hash = fc.constantFrom('w1', 'w2');
const label = fc.constantFrom('pool', 'zone');

/** Epoch milliseconds of whole seconds, as the API server stores times. */
export const anySecond = fc.nat({ max: 4_000_000_000 }).map((seconds) => seconds * 1000);
const time = fc.oneof(anySecond, fc.constantFrom(1_000_000_000, 1_000_000_500, 1_000_001_000));

const letter = fc.constantFrom(...Array.from('pfwresdtxuyvaPFWRESDTXUYVA'));

/** A ledger entry with times of this kind. */
export const anyEntry = (of: Arbitrary<number> = time): Arbitrary<LedgerEntry> =>
  fc.record({
    id: fc.constantFrom('m1', 'm2'),
    desiredHash: hash,
    retainedHash: maybe(hash),
    attempt: index,
    rests: index,
    state: fc.constantFrom(...nodeStates),
    reason: fc.constantFrom('', 'NotReady'),
    images: fc.array(letter, { minLength: 1, maxLength: 5 }).map((letters) => unpackedImages(letters.join('')) ?? 'w'),
    noop: maybe(letter),
    failingUntil: maybe(of),
    opening: maybe(fc.constantFrom(...openings)),
    oneImagePerJob: fc.boolean(),
    retryDeadline: maybe(of),
    hadImages: maybe(fc.constantFrom('p', 'pf', 'fp', 'pfp')),
    copiesNoop: fc.boolean(),
    readyAt: maybe(anySecond),
    lostAt: maybe(anySecond),
    losses: index,
    topology: fc.constantFrom(undefined, '', 'zone-a'),
  });

/** A round with a start of this kind. */
export const anyRound = (of: Arbitrary<number> = time): Arbitrary<Round> =>
  fc.record({
    number: index,
    operation: fc.constantFrom(...operations),
    generation: index,
    trigger: fc.constantFrom(...triggers),
    startTime: of,
    requestedBy: maybe(fc.record({ annotation: fc.string(), value: fc.string() })),
  });

const removal = fc.record({
  id: fc.constantFrom('m1', 'm2'),
  imagesHash: hash,
  round: index,
  attempt: index,
  state: fc.constantFrom(...removalStates),
  reason: text,
  message: text,
  retryTime: maybe(time),
  removed: index,
  absent: index,
  spared: index,
  freedBytes: index,
  sparedImages: fc.array(fc.record({ image, reason: fc.constantFrom(...spareReasons), by: text }), { maxLength: 2 }),
});

const matchExpression = fc.record({
  key: label,
  operator: fc.constantFrom('In', 'Exists'),
  values: fc.array(text, { maxLength: 2 }),
});
const nodeTerms = {
  nodeSelector: record(label, text),
  nodeMatchExpressions: fc.array(matchExpression, { maxLength: 2 }),
};
const tolerations = fc.array(fc.record({ key: label, operator: fc.constant('Exists') }), { maxLength: 2 });

/** What workloads named. */
export const anyFound: Arbitrary<FoundImages> = fc.record({
  lists: fc.array(
    fc.record({
      list: index,
      listHash: text,
      pods: maybe(
        fc.record({
          nodeSelector: record(label, text),
          terms: fc.array(fc.array(matchExpression, { maxLength: 2 }), { maxLength: 2 }),
          tolerations,
        }),
      ),
      images: fc.array(
        fc.record({
          image,
          workloads: fc.array(text, { maxLength: 2 }),
          workloadCount: index,
          unnamedSince: maybe(time),
        }),
        { maxLength: 2 },
      ),
    }),
    { maxLength: 2 },
  ),
  pullSecrets: fc.array(fc.record({ name: text, unnamedSince: maybe(time) }), { maxLength: 2 }),
  recordedAt: maybe(time),
  problem: text,
});

/** A status with any value in any field, though no decision might return it. */
export const anyStatus: Arbitrary<Status> = fc.record({
  status: fc.constantFrom(...statusValues),
  reason: text,
  message: text,
  startTime: maybe(time),
  completionTime: maybe(time),
  failures: record(image, fc.array(fc.record({ node, reason: text, message: text }), { maxLength: 2 })),
  observedGeneration: maybe(index),
  conditions: fc.array(
    fc.record({
      type: fc.constantFrom('Ready', 'Reconciling', 'Stalled', 'Failing'),
      status: fc.constantFrom('True', 'False', 'Unknown'),
      reason: text,
      message: text,
      observedGeneration: index,
      lastTransitionTime: time,
    }),
    { maxLength: 2 },
  ),
  digests: record(image, text),
  anonymousPulls: record(
    fc.constantFrom('docker.io/library/app:1', 'docker.io/library/base:2'),
    fc.constantFrom(...anonymousPulls),
  ),
  knownDigests: record(
    image,
    fc.record({ digest: text, unresolvedReason: text, hasMismatch: fc.boolean(), lastUnresolvedPull: maybe(time) }),
  ),
  absentImages: images,
  nodes: record(node, anyEntry(), 5),
  desired: record(hash, indexes),
  found: anyFound,
  placements: fc.array(
    fc.record(
      { images, ...nodeTerms, tolerations, sinceGeneration: index, lists: indexes },
      { requiredKeys: ['images', 'nodeSelector', 'nodeMatchExpressions', 'sinceGeneration', 'lists'] },
    ),
    { maxLength: 2 },
  ),
  removals: record(node, removal),
  toRemove: record(hash, images),
  round: maybe(anyRound()),
  lastRefreshTime: maybe(time),
  nextRefreshTime: maybe(time),
  nextWaveTime: maybe(time),
  registries: record(
    fc.constantFrom('docker.io', 'ghcr.io'),
    fc.record({
      pulls: index,
      pullsUntil: maybe(time),
      restsUntil: maybe(time),
      restSeconds: index,
      restsAlone: fc.boolean(),
      restsByAnswer: fc.boolean(),
      pullsLeft: maybe(index),
      pullsLeftUntil: maybe(time),
      waitsUntil: maybe(time),
      triedUntil: maybe(time),
    }),
  ),
  lastHandledRefreshAt: text,
  lastHandledPurgeAt: text,
});
