import { describe, expect, it, vi } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import { maxWait } from '#runtime/drive/resolve-images.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { aCache, changed, nodePath, scene, tick } from './scene.ts';
import { one, two, image, listing, other, minutes, settled, come, due, told, states } from './moving-tag.ts';

describe('a registry that does not answer', () => {
  const down = { type: 'unknown', reason: 'registry.example could not be asked: connect ECONNREFUSED' } as const;

  it('is reported per image, and makes nodes pull once an hour, not each time; never Failed', async () => {
    const on = await settled(one);
    on.registry.resolve(image, down);
    const pulls: number[] = [];
    for (let quarter = 0; quarter < 10; quarter += 1) {
      await due(on);
      expect(told(on)).toMatchObject({ digest: one, unresolvedReason: down.reason });
      if (on.jobs().length > 0) pulls.push(quarter);
      await come(on);
      expect(on.live().status.status).toBe('Succeeded');
    }
    expect(pulls).toEqual([0, 4, 8]);
    on.registry.resolve(image, one);
    await due(on);
    expect(told(on)).toMatchObject({ digest: one, unresolvedReason: '' });
    expect(on.jobs()).toEqual([]);
  });

  it('makes nodes pull at once if a user requests the refresh', async () => {
    const on = await settled(down);
    on.annotate({ [annotations.refresh]: '' });
    await refresh(changed(aCache), on.context);
    expect(on.jobs()).toHaveLength(2);
  });

  it.each([
    ['has lost it', one, ['Ready', 'Ready'], 'the registry no longer has the image: nodes keep the one they have'],
    [
      'never returned it',
      down,
      ['Pulling 1', 'Pulling 1'],
      'the registry does not have the image, or does not show it without credentials',
    ],
  ] as const)('that %s leaves the image to the nodes', async (_, before, is, reason) => {
    const on = await settled(before);
    for (const name of ['node-1', 'node-2']) on.api.put(nodePath(name), listing(name, [image], other));
    on.registry.resolve(image, { type: 'absent' });
    await due(on, minutes(61));
    expect(states(on)).toEqual(is);
    expect(told(on)?.unresolvedReason).toBe(reason);
  });

  it('times out after 15 s at a refresh, 2 s when a cache is created', async () => {
    vi.useFakeTimers();
    try {
      const on = scene();
      on.registry.resolve(image, new Promise<never>(() => undefined));
      const begun = settled(undefined, on);
      await vi.advanceTimersByTimeAsync(maxWait.Create);
      await begun;
      expect(told(on)?.unresolvedReason).toBe('the registry did not answer within 2 s');
      on.wait(minutes(61));
      const ticked = refresh(tick, on.context);
      await vi.advanceTimersByTimeAsync(maxWait.Refresh - 1);
      expect(on.live().status.round?.number).toBe(1);
      await vi.advanceTimersByTimeAsync(1);
      await ticked;
      expect(on.live().status.round?.number).toBe(2);
      expect(told(on)?.unresolvedReason).toBe('the registry did not answer within 15 s');
    } finally {
      vi.useRealTimers();
    }
  });

  it('does not delay the answer of another', async () => {
    vi.useFakeTimers();
    try {
      const on = scene();
      on.cache({ cacheSpec: [{ images: [image, 'quick.example/app'] }] });
      on.nodes('node-1');
      on.registry.resolve(image, new Promise<never>(() => undefined));
      on.registry.resolve('quick.example/app', two);
      const begun = reconcile(changed(aCache, { verb: 'add' }), on.context);
      await vi.advanceTimersByTimeAsync(maxWait.Create);
      await begun;
      expect(on.live().status.knownDigests['quick.example/app']).toMatchObject({ digest: two, unresolvedReason: '' });
    } finally {
      vi.useRealTimers();
    }
  });
});
