import { describe, expect, it } from 'vitest';
import { retainedImages } from '#model/desired/desired-images.ts';
import { imagesToRemove } from '#model/removal/sync-removals.ts';
import { imagesToKeep, remainingCaches } from '#model/removal/kept-images.ts';
import { noObservedRemovals } from '#model/observed.ts';
import { cache, list, node, observed, round, settings, spec, status, world } from '../builders.ts';

const tainted = node({ taints: [{ key: 'maintenance', value: 'yes', effect: 'NoSchedule' }] });
/** As found in a workload whose Pods tolerate no taint. */
const found = list(['app:1'], { tolerations: [] });
const from = cache({
  spec: spec({ lists: [found] }),
  status: status({ placements: [{ ...list(['app:0']), sinceGeneration: 1, lists: [0] }] }),
});

describe('a taint that the Pods of a list do not tolerate', () => {
  it('removes none of their images from the node, and still those that left the list', () => {
    const more = ['app:0', 'app:1'];
    expect(imagesToRemove(from, tainted, more, settings())).toEqual(['app:0']);
  });

  it('keeps none of a cache that is purged', () => {
    const purged = cache({ ...from, status: status({ round: round({ operation: 'Purge' }) }) });
    expect(retainedImages(purged, tainted, settings())).toEqual([]);
  });

  it('lets no other cache remove their images', () => {
    const other = cache({ name: 'other', uid: 'other', spec: spec({ lists: [list(['base:2'])] }) });
    const removals = { ...noObservedRemovals, otherCaches: [from] };
    const others = remainingCaches(world({ before: other, observed: observed({ nodeList: [tainted], removals }) }));
    expect(imagesToKeep(['app:1'], [other, ...others], tainted, settings())).toContain('app:1');
  });
});
