import { expect, it } from 'vitest';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { noUse } from '#model/cache/registry-use.ts';
import { knownUses } from '#runtime/cluster/registry-uses.ts';
import { cache, noon, settings } from '../../model/builders.ts';

const at = { settings: settings({ registryBudgets: { 'docker.io': { pullsPerHour: 10 } } }), now: noon };
const other = cache({ uid: 'other', namespace: 'other' });

/** A version of a cache whose nodes have pulled so many images. */
function version(resourceVersion: string, pulls: number): ImageCache {
  const read = cache({ resourceVersion });
  const registries = pulls === 0 ? {} : { 'docker.io': { ...noUse, pulls, pullsUntil: noon + 60_000 } };
  return { ...read, status: { ...read.status, registries } };
}

it('what one function plans is not forgotten when another has read the cache before', async () => {
  const uses = knownUses(async () => Promise.resolve([version('7', 0)]));
  const known = (): number | undefined =>
    uses.ofOthers(other, at).get('docker.io')?.pulls.get(version('7', 0).namespace);
  uses.note(version('7', 0), version('8', 8).status, at);
  const late = [version('7', 0), version('6', 0)];
  for (const each of late) uses.note(each, each.status, at);
  expect(known()).toBe(8);
  await uses.read(at);
  expect(known()).toBe(8);
  const written = version('9', 3);
  uses.note(written, written.status, at);
  expect(known()).toBe(3);
});

it('a wait that ends in years, of a clock that is wrong or by hand, takes no share of a registry', () => {
  const uses = knownUses(async () => Promise.resolve([]));
  const waiting = version('7', 0);
  const noteWait = (waitsUntil: number): void =>
    uses.note(waiting, { ...waiting.status, registries: { 'docker.io': { ...noUse, waitsUntil } } }, at);
  noteWait(noon + 60_000);
  expect(uses.ofOthers(other, at).get('docker.io')?.pulls.get(waiting.namespace)).toBe(0);
  noteWait(noon + 1_000 * 24 * 3_600_000);
  expect(uses.ofOthers(other, at).size).toBe(0);
});
