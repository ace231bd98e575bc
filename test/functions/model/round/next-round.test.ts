import { describe, expect, it } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { emptyPlan } from '#model/plan.ts';
import { nextRound, type RoundRequest } from '#model/round/next-round.ts';
import { cache, noon, round, spec } from '../builders.ts';
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
