import { describe, expect, it } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { emptyPlan } from '#model/plan.ts';
import { nextRound, type RoundRequest, nextRefresh } from '#model/round/next-round.ts';
import { cache, noon, round, spec, settings } from '../builders.ts';
import { asked, theirs, ended } from '../decided.ts';

describe('which round opens', () => {
  type Row = { readonly when: string; readonly given: Partial<ImageCache>; readonly is: RoundRequest | undefined };
  const create: RoundRequest = { operation: 'Create', trigger: 'Spec' };
  const adopted: RoundRequest = { operation: 'Refresh', trigger: 'Adopted' };
  const purging = { [annotations.purge]: '' };
  const rows: readonly Row[] = [
    { when: 'a new cache', given: {}, is: create },
    { when: 'a new cache, suspended', given: { spec: spec({ suspend: true }) }, is: undefined },
    { when: 'a new cache, being deleted', given: { isBeingDeleted: true }, is: undefined },
    { when: 'one whose generation was seen', given: { status: ended() }, is: undefined },
    { when: 'an edited one', given: { generation: 2, status: ended() }, is: { operation: 'Update', trigger: 'Spec' } },
    {
      when: 'one that is edited while it is processed',
      given: { generation: 2, status: ended({ status: 'Processing' }) },
      is: { operation: 'Update', trigger: 'Spec' },
    },
    {
      when: 'a purged one, edited',
      given: { generation: 2, status: ended({ round: round({ operation: 'Purge' }) }) },
      is: { operation: 'Update', trigger: 'Spec' },
    },
    {
      when: 'one that is asked to refresh',
      given: { annotations: { [annotations.refresh]: 'now' }, status: ended() },
      is: {
        ...{ operation: 'Refresh', trigger: 'Annotation' },
        annotation: { annotation: annotations.refresh, value: 'now' },
      },
    },
    {
      when: 'one that is asked to refresh while a round is open',
      given: { annotations: { [annotations.refresh]: '' }, status: ended({ status: 'Processing' }) },
      is: undefined,
    },
    {
      when: 'one whose request has been answered and is only to be taken away',
      given: {
        annotations: { [annotations.refresh]: '' },
        status: ended({ round: round({ requestedBy: { annotation: annotations.refresh, value: '' } }) }),
      },
      is: undefined,
    },
    {
      when: 'one whose request has been answered and taken away, and which is asked again before that is recorded',
      given: {
        ...{ annotations: purging, annotatedAt: { [annotations.purge]: noon + 1000 }, statusWrittenAt: noon },
        status: ended({ round: round({ requestedBy: { annotation: annotations.purge, value: '' } }) }),
      },
      is: {
        ...{ operation: 'Purge', trigger: 'Annotation' },
        annotation: { annotation: annotations.purge, value: '' },
      },
    },
    {
      when: 'one whose request has been answered, and was made in the second of its answer or before',
      given: {
        ...{ annotations: purging, annotatedAt: { [annotations.purge]: noon }, statusWrittenAt: noon },
        status: ended({ round: round({ requestedBy: { annotation: annotations.purge, value: '' } }) }),
      },
      is: undefined,
    },
    {
      when: 'one whose token is new',
      given: { annotations: { [annotations.refreshRequestedAt]: 'b' }, status: ended({ lastHandledRefreshAt: 'a' }) },
      is: { operation: 'Refresh', trigger: 'Annotation' },
    },
    {
      when: 'one whose token has been handled',
      given: { annotations: { [annotations.refreshRequestedAt]: 'a' }, status: ended({ lastHandledRefreshAt: 'a' }) },
      is: undefined,
    },
    {
      when: 'one whose refresh is due',
      given: { status: ended({ nextRefreshTime: noon }) },
      is: { operation: 'Refresh', trigger: 'Schedule' },
    },
    {
      when: 'one whose refresh is not due yet',
      given: { status: ended({ nextRefreshTime: noon + 1 }) },
      is: undefined,
    },
    {
      when: 'one whose refresh is due, suspended',
      given: { spec: spec({ suspend: true }), status: ended({ nextRefreshTime: noon }) },
      is: undefined,
    },
    {
      when: 'a purged one whose refresh would be due',
      given: { status: ended({ nextRefreshTime: noon, round: round({ operation: 'Purge' }) }) },
      is: undefined,
    },
    {
      when: 'an edited one that is asked to refresh',
      given: { generation: 2, annotations: { [annotations.refresh]: '' }, status: ended() },
      is: { operation: 'Update', trigger: 'Spec' },
    },
    { when: "kube-fledged's, succeeded", given: { status: theirs() }, is: undefined },
    { when: "kube-fledged's, failed", given: { status: theirs({ status: 'Failed' }) }, is: undefined },
    { when: "kube-fledged's, processing", given: { status: theirs({ status: 'Processing' }) }, is: adopted },
    {
      when: "kube-fledged's, aborted",
      given: { status: theirs({ status: 'Aborted', reason: 'ImagePullAborted' }) },
      is: adopted,
    },
    {
      when: "kube-fledged's, purging",
      given: { status: theirs({ status: 'Processing', reason: 'ImageCachePurge' }) },
      is: { operation: 'Purge', trigger: 'Adopted' },
    },
    {
      when: "kube-fledged's, aborted while it was to be purged",
      given: { annotations: purging, status: theirs({ status: 'Aborted', reason: 'ImagePullAborted' }) },
      is: { ...{ operation: 'Purge', trigger: 'Adopted' }, annotation: { annotation: annotations.purge, value: '' } },
    },
  ];
  it.each(rows)('for $when', ({ given, is }) => {
    expect(nextRound(cache(given), noon)).toEqual(is);
  });

  it('only at a door that may open it', () => {
    expect(asked({}, { opens: [] })).toEqual(emptyPlan);
    expect(asked({}, { opens: ['Annotation', 'Schedule'] })).toEqual(emptyPlan);
    expect(asked({ status: theirs() }, { opens: [] })).toEqual(emptyPlan);
  });
});

const minute = 60_000;
const often = settings({ refreshFrequency: 15 * minute });
const due = (uid: string): number => (nextRefresh(cache({ uid }), often, undefined, noon) ?? NaN) - noon;
const uids = Array.from({ length: 200 }, (_, index) => `uid-${index}`);

describe('the next refresh', () => {
  it('is due within the last tenth of the period', () => {
    expect(Math.min(...uids.map(due))).toBeGreaterThanOrEqual(13.5 * minute - 1000);
    expect(Math.max(...uids.map(due))).toBeLessThanOrEqual(15 * minute);
  });

  it('is due at the same time in each period of a cache, and at other times than that of most others', () => {
    expect(uids.map(due)).toEqual(uids.map(due));
    const perTenSeconds = Map.groupBy(uids.map(due), (time) => Math.floor(time / 10_000));
    expect(perTenSeconds.size).toBeGreaterThanOrEqual(9);
    expect(Math.max(...[...perTenSeconds.values()].map(({ length }) => length))).toBeLessThan(50);
  });

  it('is due in a later second than this one, also with a period of one second', () => {
    const next = (uid: string) =>
      nextRefresh(cache({ uid }), settings({ refreshFrequency: 1000 }), undefined, noon + 43);
    expect(new Set(uids.map(next))).toEqual(new Set([noon + 1000]));
  });

  it('keeps to a cron schedule', () => {
    const scheduled = { next: noon + minute, problem: '' };
    const spec = { ...cache().spec, refreshSchedule: { schedule: '* * * * *', timeZone: 'Etc/UTC' } };
    expect(nextRefresh(cache({ spec }), often, scheduled, noon)).toBe(noon + minute);
  });
});
