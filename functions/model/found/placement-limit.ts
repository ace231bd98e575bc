import { placementKey } from '#model/cache/with-found.ts';
import { type Group, isShort } from './groups.ts';
import { foundBounds } from './readings.ts';

/** Bounds the sets of nodes, as each becomes a list that is matched against every node. As with images, known ones come first. */
export function withinPlacements(groups: Iterable<Group>, problems: string[]): readonly Group[] {
  const ranked: readonly [Group[], Group[], Group[]] = [[], [], []];
  let all = 0;
  let isAnyLong = false;
  for (const group of groups) {
    if (!isShort(group)) isAnyLong = true;
    else {
      all += nodeSetsOf(group);
      const rank = ranked[isOnlyKept(group) ? 2 : group.known === undefined ? 1 : 0];
      // More never fit, as each group has at least one set of nodes.
      if (rank.length < foundBounds.placements) rank.push(group);
    }
  }
  if (isAnyLong)
    problems.push(
      `Workloads whose node affinity and tolerations exceed ${foundBounds.placementLength} bytes are ignored`,
    );
  let left: number = foundBounds.placements;
  const taken = ranked.flat().filter((group) => {
    const fits = nodeSetsOf(group) <= left;
    if (fits) left -= nodeSetsOf(group);
    return fits;
  });
  if (foundBounds.placements - left < all)
    problems.push(
      `Workloads run on ${all} different sets of nodes, of which ${foundBounds.placements - left} are served`,
    );
  return taken.toSorted((a, b) => a.of.list - b.of.list || (placementKey(a.pods) < placementKey(b.pods) ? -1 : 1));
}

const isOnlyKept = ({ named, kept }: Group): boolean =>
  named === undefined && kept.every(({ workloadCount }) => workloadCount === 0);

/** How many lists a list of found images becomes: one for each term of node affinity. */
const nodeSetsOf = ({ pods }: Pick<Group, 'pods'>): number => Math.max(1, pods?.terms.length ?? 0);
