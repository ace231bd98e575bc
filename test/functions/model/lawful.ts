import assert from 'node:assert/strict';
import { jobAnnotations } from '#model/cache/api.ts';
import { decide } from '#model/decide.ts';
import { type ImageCache, type Status, isRoundOpen } from '#model/cache/image-cache.ts';
import { type LedgerEntry, waitsForRegistry } from '#model/cache/ledger.ts';
import { skipReason, pullRules } from '#model/node/node.ts';
import type { Plan } from '#model/plan.ts';
import { jobName, jobsDue } from '#model/pull/attempt.ts';
import type { PullJob } from '#model/pull/pull-job.ts';
import type { Settings } from '#model/cache/settings.ts';
import { nodeCounts } from '#model/desired/node-counts.ts';
import { desiredImagesOf } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';
import { repetitions } from '../../support/repetitions.ts';

/** Every so many decisions are decided twice, as that takes as long as everything else. */
const decisionsPerRepeated = repetitions(4, 1);
let decisions = 0;

/** The laws of every decision, whatever the state of the world. */
export function assertLawful(world: World, plan: Plan): void {
  if ((decisions += 1) % decisionsPerRepeated === 0)
    assert.equal(JSON.stringify(decide(world)), JSON.stringify(plan), 'the same world, another plan');
  assertNoUnaskedJobs(world, plan);
  assertNothingNeededIsRemoved(world, plan);
  assertClaimsHaveJobs(world, plan);
  assertTurnsHaveJobs(world, plan);
  if (plan.status !== undefined && !world.before.spec.suspend) assertTrue(plan.status);
}

/** The status word, message and conditions say what the ledger and the failures do, in a round and between rounds. */
function assertTrue(status: Status): void {
  const { desired, ready, failing, failed, held, skipped } = nodeCounts(status.nodes);
  const isTrue = (kind: string): boolean => status.conditions.find(({ type }) => type === kind)?.status === 'True';
  const isAllSkipped = desired === 0 && skipped > 0;
  assert.equal(isTrue('Ready'), ready === desired && !isAllSkipped, 'Ready, and a node that can be served is not');
  if (failing + failed > 0) assert(isTrue('Failing'), 'a node fails, and it is not said');
  if (failing + failed > 0) assert.equal(isTrue('Ready'), false);
  if (failing + failed === 0 && ready === desired) assert(!isTrue('Failing'), 'no node fails, and Failing is True');
  const isWorking = isRoundOpen(status) || (failed === 0 && ready < desired);
  const word = failed > 0 ? 'Failed' : ready > 0 ? 'Succeeded' : 'NoImagesPulledOrDeleted';
  assert.equal(status.status, isWorking ? 'Processing' : word);
  assert.equal(
    Object.keys(status.failures).length > 0 && status.status === 'Succeeded',
    false,
    'failures in a success',
  );
  const numbers = (
    status.message
      // The first failure, with the name of its image and the words of the kubelet.
      .replace(/(section: |; )(\d+ images? failed on .*, such as )?\S+ on \S+: .*$/, '')
      .replace(
        / \d+ nodes? waits? for(?: \S+(?: until \d\d:\d\d,?| from which one node pulls first,?))+| until \S+Z| Waves? .* nodes have pulled(; the next wave .*Z or later)?/g,
        '',
      )
      .match(/\d+/g) ?? []
  ).map(Number);
  const [, waiting] = / (\d+) nodes? waits? for /.exec(status.message) ?? [];
  if (waiting !== undefined) assert.equal(Number(waiting), Object.values(status.nodes).filter(waitsForRegistry).length);
  const isTroubled = status.status === 'Processing' && failing + failed > 0;
  const tried = failed > 0 ? failing : 0;
  const counted =
    status.status === 'NoImagesPulledOrDeleted'
      ? [skipped]
      : isTroubled
        ? [failing + failed, desired, tried]
        : status.status === 'Failed' && held > 0
          ? [held, ...(held > 1 ? [desired] : [])]
          : [];
  const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0);
  assert.equal(sum(numbers), sum(counted), `numbers in ${status.message}`);
}

/** A node that starts gets a Job in the same plan, as otherwise none is created before the next full reconcile. */
function assertClaimsHaveJobs({ before: { status: before } }: World, { status: after, createJobs }: Plan): void {
  const made = new Set(createJobs.map(({ metadata }) => metadata.annotations?.[jobAnnotations.node]));
  for (const [name, entry] of Object.entries(after?.nodes ?? {})) {
    const last = before.round?.number === after?.round?.number ? before.nodes[name] : undefined;
    const isSame = last !== undefined && isSameAttempt(entry, last);
    if (entry.state === 'Pulling' && !(isSame && last.state === 'Pulling'))
      assert(made.has(name), `no Job for ${name}`);
  }
}

const isSameAttempt = (a: LedgerEntry, b: LedgerEntry): boolean =>
  a.id === b.id && a.desiredHash === b.desiredHash && a.attempt === b.attempt && a.opening === b.opening;

/** No Job for a cache that is suspended, purged or being deleted, nor for a node that is skipped when it starts. */
function assertNoUnaskedJobs({ before, observed, settings }: World, { createJobs, status }: Plan): void {
  if (before.isBeingDeleted || before.spec.suspend) assert.deepEqual(createJobs, []);
  for (const manifest of createJobs) {
    const name = manifest.metadata.annotations?.[jobAnnotations.node] ?? '';
    const node = observed.nodes.get(name);
    assert(node !== undefined, `a Job for ${name}, which was not seen`);
    assert.equal(status?.nodes[name]?.state ?? before.status.nodes[name]?.state, 'Pulling');
    const isNewlyClaimed = status?.nodes[name]?.attempt !== before.status.nodes[name]?.attempt && status !== undefined;
    if (isNewlyClaimed) assert.equal(skipReason(node, pullRules(before, settings)), undefined, `a Job for ${name}`);
  }
}

/** A result is recorded before its Job is deleted: the status is written first, and Jobs that it still waits for are not deleted. */
function assertNothingNeededIsRemoved({ before, settings }: World, { deleteJobs, status }: Plan): void {
  const after = { ...before, status: status ?? before.status };
  if (before.spec.suspend || after.status.observedGeneration !== before.generation) return;
  const needed = Object.values(after.status.nodes).flatMap((entry) => {
    const lists = after.status.desired[entry.desiredHash];
    if (entry.state !== 'Pulling' || lists === undefined) return [];
    return namesDue(entry, lists, after, settings);
  });
  assert.deepEqual(
    deleteJobs.filter(({ name }) => needed.includes(name)),
    [],
  );
}

/** A node whose Job has ended gets the next one in the plan that records the result, as otherwise none is created before the next full reconcile. */
function assertTurnsHaveJobs({ before, settings }: World, { status, createJobs }: Plan): void {
  if (before.status.round?.number !== status?.round?.number) return;
  const made = new Set(createJobs.map(({ metadata }) => metadata.name));
  for (const [name, entry] of Object.entries(status?.nodes ?? {})) {
    const [last, lists] = [before.status.nodes[name], status?.desired[entry.desiredHash]];
    if (last === undefined || !isSameAttempt(last, entry) || lists === undefined) continue;
    if (last.state !== 'Pulling' || entry.state !== 'Pulling') continue;
    const due = namesDue(last, lists, before, settings);
    for (const job of namesDue(entry, lists, before, settings))
      assert(made.has(job) || due.includes(job), `no Job ${job}, whose turn it is on ${name}`);
  }
}

const namesDue = (entry: LedgerEntry, lists: readonly number[], of: ImageCache, settings: Settings) =>
  jobsDue({ cache: of, entry, desired: desiredImagesOf(of, lists, settings), settings }).map((indexes) =>
    jobName(of, entry, indexes),
  );

/** Started nodes, by round, node and attempt. */
export function claimsOf({ status }: ImageCache): readonly string[] {
  return Object.entries(status.nodes).flatMap(([name, { state, attempt }]) =>
    state === 'Pulling' ? [`${status.round?.number ?? 0} ${name} ${attempt}`] : [],
  );
}

/** The start of a node is stored before its first Job is created. */
export function assertClaimed({ metadata }: PullJob, claims: ReadonlySet<string>): void {
  const { round, node, attempt } = jobAnnotations;
  const claim = [round, node, attempt].map((key) => metadata.annotations?.[key] ?? '').join(' ');
  assert(claims.has(claim), `a Job of ${claim}, which was never claimed`);
}

/** No more nodes start than may pull at once; nodes that pull already count, and may exceed a lowered limit. */
export function assertWithinSurge(before: ImageCache, after: Status): void {
  const pulling = ({ nodes }: Status): number => Object.values(nodes).filter(({ state }) => state === 'Pulling').length;
  const most = typeof before.spec.maxConcurrentNodes === 'number' ? before.spec.maxConcurrentNodes : Infinity;
  assert(pulling(after) <= Math.max(most, pulling(before.status)), 'more nodes pull than may');
}
