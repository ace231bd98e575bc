import type { FoundSecret } from '#model/cache/found-images.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { ownLists, ownPullSecrets } from '#model/cache/with-found.ts';
import { type Given, allSources, foundBounds } from './readings.ts';
import { pastOr } from './times.ts';

type Naming = Pick<Given, 'readings' | 'now'> & { readonly problems: string[] };

/** The secrets of the workloads and, where pull Pods name some, those that admission would have added to them. */
export function foundSecrets(cache: ImageCache, { readings, now, problems }: Naming): readonly FoundSecret[] {
  const { accounts, account, lists } = readings;
  const secretsOf = (name: string): readonly string[] => accounts.secrets.get(name) ?? [];
  const named = new Set<string>();
  for (const { pullSecrets, serviceAccount } of allSources(readings))
    for (const name of pullSecrets.length > 0 ? pullSecrets : secretsOf(serviceAccount)) named.add(name);
  if (named.size > 0 && ownPullSecrets(cache.spec).length === 0) for (const name of secretsOf(account)) named.add(name);
  const isComplete = accounts.isComplete && lists.every((reading) => reading.isComplete);
  const own = ownLists(cache.spec);
  const keepSeconds = Math.max(0, ...lists.map(({ list }) => own[list]?.imagesFrom?.keepSeconds ?? 0));
  const known = new Set(cache.status.found.pullSecrets.map(({ name }) => name));
  const kept = cache.status.found.pullSecrets.flatMap((secret): readonly FoundSecret[] => {
    if (named.has(secret.name)) return [];
    if (!isComplete) return [secret];
    const unnamedSince = pastOr(now, secret.unnamedSince);
    return now - unnamedSince < keepSeconds * 1000 ? [{ name: secret.name, unnamedSince }] : [];
  });
  const names = [...named].toSorted((a, b) => Number(known.has(b)) - Number(known.has(a)) || (a < b ? -1 : 1));
  const all = [...names.map((name) => ({ name, unnamedSince: undefined })), ...kept];
  if (all.length > foundBounds.secrets)
    problems.push(`Workloads name ${all.length} pull secrets, of which ${foundBounds.secrets} are used`);
  return all.slice(0, foundBounds.secrets).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
