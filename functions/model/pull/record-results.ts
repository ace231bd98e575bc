import { withNode, withoutNode } from '#model/cache/failures.ts';
import { type Failures, type ImageCache, withStatus } from '#model/cache/image-cache.ts';
import { withReportedDigests } from '#model/cache/known-digest.ts';
import type { DesiredByHash, DesiredImages } from '#model/desired/desired-images.ts';
import type { World } from '#model/world.ts';
import type { Result } from './evaluated-jobs.ts';
import { registryOf } from '#model/text/image-reference.ts';
import { type RegistryFinding, withFindings, withLimits } from '#model/start/registry-answers.ts';
import { openingResult } from './opening-result.ts';
import { pullResult, withoutLateAttempt } from './pull-result.ts';

/** Records the results of all observed Jobs: in the ledger, the failures and the digests. Many results, one write. */
export function recordResults(world: World, cache: ImageCache, desired: DesiredByHash): ImageCache {
  const nodes = { ...cache.status.nodes };
  const findings: RegistryFinding[] = [];
  let { failures, digests, knownDigests, anonymousPulls } = cache.status;
  for (const [name, entry] of Object.entries(cache.status.nodes)) {
    const images = desired.get(entry.desiredHash);
    if (images === undefined) continue;
    const attempt = { cache: withStatus(cache, { anonymousPulls }), entry, desired: images, settings: world.settings };
    if (entry.state === 'Pending') nodes[name] = withoutLateAttempt(attempt, world.now);
    if (entry.state !== 'Pulling') continue;
    const resultOf = entry.opening === undefined ? pullResult : openingResult;
    const result = resultOf(name, attempt, world);
    nodes[name] = result.entry;
    anonymousPulls = { ...anonymousPulls, ...result.anonymousPulls };
    failures = recordFailures(failures, { node: name, result, desired: images });
    findings.push(...result.registries, ...answered(result, { cache, desired: images }));
    const reported = digestsOf(result.present, images);
    digests = { ...digests, ...reported };
    knownDigests = withReportedDigests(knownDigests, reported);
  }
  const next = withStatus(cache, { nodes, failures, digests, knownDigests, anonymousPulls });
  return withLimits(world, withFindings(next, findings, world.now), desired);
}

/** The resting registries that answered a node, which need not have given it an image. */
function answered({ present, report }: Result, { cache, desired }: Attempted): readonly RegistryFinding[] {
  const hosts = Object.keys(cache.status.registries);
  if (hosts.length === 0) return [];
  const found = new Set(
    [...present.keys(), ...(report?.causes.keys() ?? [])].map((index) => registryOf(desired.images[index] ?? '')),
  );
  return hosts.filter((host) => found.has(host)).map((host) => ({ host }));
}

type Attempted = { readonly cache: ImageCache; readonly desired: DesiredImages };

type NodeResult = { readonly node: string; readonly result: Result; readonly desired: DesiredImages };

/** Ready nodes have no failure entries. */
function recordFailures(failures: Failures, { node, result, desired }: NodeResult): Failures {
  const { entry, report } = result;
  if (entry.state === 'Ready') return withoutNode(failures, node);
  if (report === undefined) return failures;
  const nameOf = (index: number): string => desired.images[index] ?? '';
  const causes = new Map([...report.causes].map(([index, cause]) => [nameOf(index), cause]));
  return withNode(failures, { node, causes, images: new Set(report.images.map(nameOf)) });
}

function digestsOf(present: ReadonlyMap<number, string>, { images }: DesiredImages): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...present].flatMap(([index, digest]) => (digest === '' ? [] : [[images[index] ?? '', digest]])),
  );
}
