import { describe, expect, it } from 'vitest';
import { type LedgerEntry, newEntry } from '#model/cache/ledger.ts';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { reportedStatus } from '#model/report/reported-status.ts';
import { progressLines } from '../../../deploy/standalone/progress.ts';
import { report } from '../../../deploy/plugin/status/report.ts';
import { reportLines } from '../../../deploy/plugin/status/report-lines.ts';
import { cache, list, noon, round, settings, spec, status } from '../../functions/model/builders.ts';

const view = { colour: (_: string, text: string) => text, isWide: false, width: 100, now: noon };
const entry = newRemovalEntry('id', 'hash', 2);
const spared = { image: 'base:2', reason: 'InUse', by: 'apps/web/app' } as const;

const purged = (removals: ReturnType<typeof status>['removals']) => {
  const before = cache({
    status: status({
      ...{ status: 'Processing', completionTime: noon, toRemove: { hash: ['app:1', 'base:2'] }, removals },
      round: round({ number: 2, operation: 'Purge', trigger: 'Annotation' }),
    }),
  });
  return report({
    ...before,
    status: reportedStatus(before, false, { settings: settings(), scheduled: undefined, now: noon }),
  });
};

describe('the report of a purged cache', () => {
  it('shows what was removed and spared on each node, and why images stay', () => {
    const result = purged({
      'node-1': { ...entry, state: 'Removed', removed: 1, spared: 1, sparedImages: [spared] },
      'node-2': { ...entry, state: 'Skipped', reason: 'NotReady' },
    });
    expect(reportLines(result, view)).toEqual([
      'web in apps: Failed',
      'Image deletion failed for some images. Please see "failures" section',
      'round 2, Purge by Annotation',
      '',
      '#   NODES   IMAGE',
      '1     0/0   app:1',
      '2     0/0   base:2',
      '',
      'NODE     REMOVAL   REMOVED   SPARED',
      'node-2   Skipped         0        0   NotReady',
      'node-1   Removed         1        1',
      '',
      'base:2 stays on node-1: InUse, apps/web/app',
      '',
      'app:1 on node-2',
      '  NotReady: Check if node is ready',
      '',
      'base:2 on node-2',
      '  NotReady: Check if node is ready',
    ]);
  });

  it('says once why an image stays, however many nodes it stays on', () => {
    const removed = { ...entry, state: 'Removed', removed: 1, spared: 1, sparedImages: [spared] } as const;
    const result = purged(Object.fromEntries([1, 2, 3, 4].map((number) => [`node-${number}`, removed])));
    const lines = reportLines(result, view).filter((line) => line.includes('stays on'));
    expect(lines).toEqual(['base:2 stays on node-1, node-2 and 2 more nodes: InUse, apps/web/app']);
  });

  it('says that all images are gone', () => {
    const result = purged({ 'node-1': { ...entry, state: 'Removed', removed: 2 } });
    expect(reportLines(result, view)).toContain('All cached images succesfully deleted from respective nodes');
    expect(result).toMatchObject({ status: 'Succeeded', failures: [], removals: [{ name: 'node-1', removed: 2 }] });
  });
});

describe('the report of a cache', () => {
  const former = list(['gone:1', 'kept:2']);
  const edited = (nodes: ReturnType<typeof status>['nodes']) =>
    cache({
      generation: 2,
      spec: spec({ lists: [list(['kept:2', 'next:3'])] }),
      status: status({
        ...{ status: 'Failed', observedGeneration: 1, round: round(), desired: { w: [0] }, nodes },
        placements: [{ ...former, sinceGeneration: 1, lists: [0] }],
      }),
    });
  const stored = (of: Partial<LedgerEntry>): LedgerEntry => ({ ...newEntry('id', 'w'), ...of });

  it('that was edited and is not observed yet blames no image for what was one of the former spec', () => {
    const result = report(edited({ 'node-1': stored({ state: 'Failed', images: 'fp' }) }));
    expect(result.nodes[0]?.images).toEqual([
      { image: 'gone:1', state: 'failed' },
      { image: 'kept:2', state: 'present' },
    ]);
    expect(result.images).toMatchObject([
      { image: 'kept:2', present: 1, failed: 0 },
      { image: 'next:3', present: 0, failed: 0 },
    ]);
    expect(progressLines(edited({ 'node-1': stored({ state: 'Failed', images: 'fp' }) }))[1]?.text).toContain(
      'gone:1; 1 of 2 present',
    );
  });

  it('shows images that are not tried on a node as failed, not as present', () => {
    const open = cache({ status: status({ round: round(), desired: { w: [0] } }) });
    const nodes = { 'node-1': stored({ state: 'Pulling', attempt: 1, images: 'aw' }) };
    const result = report({ ...open, status: { ...open.status, status: 'Processing', nodes } });
    expect(result).toMatchObject({
      images: [
        { failed: 1, present: 0 },
        { failed: 0, present: 0 },
      ],
    });
  });

  it('shows images that fail and are tried again as failing, not as on their way', () => {
    const open = cache({ status: status({ round: round(), desired: { w: [0] } }) });
    const nodes = { 'node-1': stored({ state: 'Pulling', attempt: 1, images: 'ew' }) };
    const result = report({ ...open, status: { ...open.status, status: 'Processing', nodes } });
    expect(result).toMatchObject({ counts: { failing: 1 }, images: [{ failing: 1 }, { failing: 0 }] });
    expect(reportLines(result, view)).toEqual(
      expect.arrayContaining(['0 of 1 node ready, 1 failing', expect.stringMatching(/^node-1 +Pulling +!~/)]),
    );
  });
});
