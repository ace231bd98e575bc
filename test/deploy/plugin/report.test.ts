import { describe, expect, it } from 'vitest';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { reportedStatus } from '#model/round/reported-status.ts';
import { report } from '../../../deploy/plugin/status/report.ts';
import { reportLines } from '../../../deploy/plugin/status/report-lines.ts';
import { cache, noon, round, status } from '../../functions/model/builders.ts';

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
  return report({ ...before, status: reportedStatus(before, { hasAllItsJobs: false, now: noon }) });
};

describe('the report of a purged cache', () => {
  it('shows what was removed and spared on each node, and why images stay', () => {
    const told = purged({
      'node-1': { ...entry, state: 'Removed', removed: 1, spared: 1, sparedImages: [spared] },
      'node-2': { ...entry, state: 'Skipped', reason: 'NotReady' },
    });
    expect(reportLines(told, view)).toEqual([
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

  it('says that all images are gone', () => {
    const told = purged({ 'node-1': { ...entry, state: 'Removed', removed: 2 } });
    expect(reportLines(told, view)).toContain('All cached images succesfully deleted from respective nodes');
    expect(told).toMatchObject({ status: 'Succeeded', failures: [], removals: [{ name: 'node-1', removed: 2 }] });
  });
});
