import { describe, expect, it } from 'vitest';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { annotations } from '#model/cache/api.ts';
import {
  aCache,
  cachePath,
  changed,
  completed,
  eventsPath,
  nodeNamed,
  nodePath,
  scene,
  tick,
  type Scene,
} from './scene.ts';
import { quiet, begun } from './begun.ts';

/** A cache with this image on two nodes, its first round over; kubelets list what they have. */
async function settled(image: string, listed: readonly string[] = [image]): Promise<Scene> {
  const on = scene();
  on.cache({ cacheSpec: [{ images: [image] }] });
  on.nodes('node-1', 'node-2');
  await refresh(tick, on.context);
  for (const job of on.jobs()) on.pod(job, completed(0));
  await refresh(tick, on.context);
  for (const name of ['node-1', 'node-2']) on.api.put(nodePath(name), listing(name, listed));
  on.api.newCalls();
  return on;
}

const listing = (name: string, images: readonly string[]): object =>
  nodeNamed(name, {
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.34.2', containerRuntimeVersion: 'containerd://1.7.24' },
      images: images.map((image) => ({ names: [image] })),
    },
  });

/** Milliseconds until the next refresh is due. */
const untilDue = (on: Scene): number => (on.live().status.nextRefreshTime ?? 0) - on.context.now();

describe('a refresh', () => {
  it('starts after at most 15 minutes, creates no Job if all images are present, and writes one status', async () => {
    const on = await settled('app:1');
    on.wait(untilDue(on) - 1000);
    await refresh(tick, on.context);
    expect(quiet(on)).toEqual([]);
    on.wait(2000);
    await refresh(tick, on.context);
    expect(quiet(on)).toEqual([`PATCH ${cachePath()}/status`, `POST ${eventsPath}`]);
    const { status } = on.live();
    expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheRefresh' });
    expect(status.round).toMatchObject({ number: 2, operation: 'Refresh', trigger: 'Schedule' });
    const period = (status.nextRefreshTime ?? 0) - (status.lastRefreshTime ?? 0);
    expect(period).toBeGreaterThanOrEqual(810_000 - 1000);
    expect(period).toBeLessThanOrEqual(900_000);
    await refresh(tick, on.context);
    expect(quiet(on)).toEqual([]);
  });

  it('starts between ticks when an event says that it is due, as with a period below a minute', async () => {
    const on = await settled('app:1');
    on.wait(untilDue(on) - 1000);
    await refresh(changed(aCache), on.context);
    expect(on.live().status.round?.number).toBe(1);
    on.wait(2000);
    await refresh(changed(aCache), on.context);
    expect(on.live().status.round).toMatchObject({ number: 2, operation: 'Refresh', trigger: 'Schedule' });
  });

  it('pulls moving tags again', async () => {
    const on = await settled('app:latest');
    on.wait(3_600_000);
    await refresh(tick, on.context);
    expect(on.live().status).toMatchObject({ status: 'Processing', reason: 'ImageCacheRefresh' });
    expect(on.live().status.conditions.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'False',
      reason: 'PullInProgress',
    });
    expect(on.jobs()).toHaveLength(2);
  });

  it('pulls missing images again, but ignores image lists that are empty or may be truncated', async () => {
    const on = await settled('app:1');
    on.api.put(nodePath('node-1'), listing('node-1', ['other:1']));
    on.api.put(nodePath('node-2'), listing('node-2', []));
    on.wait(901_000);
    await refresh(tick, on.context);
    expect(on.jobs()).toHaveLength(1);
    expect(on.live().status.nodes).toMatchObject({ 'node-1': { state: 'Pulling' }, 'node-2': { state: 'Ready' } });
  });

  it('does not treat an image as missing that the kubelet has not listed yet', async () => {
    const on = await settled('app:1', ['other:1']);
    on.wait(30_000);
    on.annotate({ [annotations.refresh]: '' });
    await refresh(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 2 } });
    on.wait(91_000);
    on.annotate({ [annotations.refresh]: 'again' });
    await refresh(changed(aCache), on.context);
    expect(on.jobs()).toHaveLength(2);
  });

  it('continues a round that a token has started, even if the answer to that write was lost', async () => {
    const on = await settled('app:latest');
    on.annotate({ [annotations.refreshRequestedAt]: '1' });
    on.api.refuse(/^PATCH .*status$/, () => {
      void on.api.request({
        method: 'PATCH',
        path: `${cachePath()}/status`,
        body: on.api.bodies('PATCH', '/status').at(-1),
      });
      throw refusal(409, 'Conflict', 'the object has been modified');
    });
    await refresh(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Processing', round: { number: 2 } });
    expect(on.jobs()).toHaveLength(2);
  });

  it('starts at once by the annotation, which is removed at its end and can then be set again', async () => {
    const on = await settled('app:latest');
    const ask = (): void => on.annotate({ [annotations.refresh]: '' });
    for (const number of [2, 3]) {
      ask();
      await refresh(changed(aCache), on.context);
      expect(on.live().status.round).toMatchObject({ number, operation: 'Refresh', trigger: 'Annotation' });
      expect(on.live().annotations).toEqual({ [annotations.refresh]: '' });
      for (const job of on.jobs()) on.pod(job, completed(0));
      await refresh(tick, on.context);
      expect(on.live().status.status).toBe('Succeeded');
      expect(on.live().annotations).toEqual({});
      expect(on.live().status.round?.requestedBy).toBeUndefined();
      await refresh(tick, on.context);
      expect(on.live().status.round?.number).toBe(number);
    }
  });

  it('is done once by an annotation if it ends as soon as it starts, however long nothing was written', async () => {
    const on = await settled('app:1');
    on.wait(5000);
    on.annotate({ [annotations.refresh]: '' });
    await refresh(changed(aCache), on.context);
    expect(on.live().annotations).toEqual({});
    await refresh(tick, on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 2 } });
  });

  it('only removes the annotation if the process crashed between the end of the round and the removal', async () => {
    const on = await settled('app:1');
    on.annotate({ [annotations.refresh]: '' });
    on.api.refuse(new RegExp(`^PATCH ${cachePath()}$`), refusal(500, 'InternalError', 'hiccup'));
    await expect(refresh(changed(aCache), on.context)).rejects.toThrow('hiccup');
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 2 } });
    await refresh(tick, on.context);
    expect(on.live().annotations).toEqual({});
    expect(on.live().status.round?.number).toBe(2);
    expect(on.live().status.round?.requestedBy).toBeUndefined();
  });

  it('removes the annotation before another round starts, to not request it twice', async () => {
    const on = await settled('app:1');
    on.annotate({ [annotations.refresh]: '' });
    on.api.refuse(new RegExp(`^PATCH ${cachePath()}$`), refusal(500, 'InternalError', 'hiccup'));
    await expect(refresh(changed(aCache), on.context)).rejects.toThrow('hiccup');
    on.annotate({ [annotations.refresh]: '', [annotations.refreshRequestedAt]: 'now' });
    for (let turn = 0; turn < 2; turn += 1) await refresh(tick, on.context);
    expect(on.live().annotations).toEqual({ [annotations.refreshRequestedAt]: 'now' });
    expect(on.live().status.round?.number).toBe(3);
  });

  it('starts once for each value of the token, which is kept', async () => {
    const on = await settled('app:1');
    for (const [token, number] of [
      ['a', 2],
      ['a', 2],
      ['b', 3],
    ] as const) {
      on.annotate({ [annotations.refreshRequestedAt]: token });
      await refresh(changed(aCache), on.context);
      expect(on.live().status.round?.number).toBe(number);
      expect(on.live().annotations).toEqual({ [annotations.refreshRequestedAt]: token });
    }
  });

  it('follows a schedule in its time zone instead of the period', async () => {
    const on = scene();
    on.cache({ cacheSpec: [{ images: ['app:1'] }], refresh: { schedule: '30 14 * * *', timeZone: 'Europe/Paris' } });
    await refresh(tick, on.context);
    expect(new Date(on.live().status.nextRefreshTime ?? 0).toISOString()).toBe('2026-11-24T13:30:00.000Z');
    on.wait(90 * 60_000);
    await refresh(tick, on.context);
    expect(on.live().status.round).toMatchObject({ number: 2, trigger: 'Schedule' });
    expect(new Date(on.live().status.nextRefreshTime ?? 0).toISOString()).toBe('2026-11-25T13:30:00.000Z');
  });

  it.each([
    ['99 3 * * *', 'Etc/UTC', 'spec.refresh.schedule "99 3 * * *" is not valid'],
    ['0 3 * * *', 'Mars/Olympus', 'spec.refresh.timeZone Mars/Olympus is not a time zone'],
    ['0 3 31 2 *', 'Etc/UTC', 'spec.refresh.schedule "0 3 31 2 *" has no time at which it is due'],
  ])('does not start for an invalid schedule, %s in %s, and reports it', async (schedule, timeZone, problem) => {
    const on = scene();
    on.cache({ cacheSpec: [{ images: ['app:1'] }], refresh: { schedule, timeZone } });
    await refresh(tick, on.context);
    expect(on.live().status.nextRefreshTime).toBeUndefined();
    expect(on.api.list(eventsPath)).toContainEqual(expect.objectContaining({ reason: 'InvalidSchedule' }));
    expect(on.live().status.message).toContain(`There are no periodic refreshes: ${problem}`);
    expect(on.live().status.conditions.find(({ type }) => type === 'Stalled')).toMatchObject({
      status: 'True',
      reason: 'InvalidSchedule',
    });
  });

  it('is off if its period is 0', async () => {
    const on = scene({ refreshFrequency: 0 });
    on.cache();
    await refresh(tick, on.context);
    on.wait(10 * 900_000);
    on.api.newCalls();
    await refresh(tick, on.context);
    expect(quiet(on)).toEqual([]);
  });
});

describe('the Event of a round whose process crashed after its end', () => {
  async function closedUntold(): Promise<Scene> {
    const on = await begun();
    for (const job of on.jobs()) on.pod(job, completed(0, 1));
    on.api.refuse(/^POST .*events/, refusal(0, '', 'the process is gone'));
    await refresh(tick, on.context);
    expect([on.live().status.status, on.api.list(eventsPath)]).toEqual(['Succeeded', []]);
    return on;
  }

  it('is recorded once by the next tick, with the time of the end', async () => {
    const on = await closedUntold();
    const lastTimestamp = new Date(on.live().status.completionTime ?? 0).toISOString().replace('.000', '');
    on.wait(60_000);
    await refresh(tick, on.context);
    const told = { reason: 'ImageCacheCreate', type: 'Normal', lastTimestamp };
    expect(on.api.list(eventsPath)).toEqual([expect.objectContaining(told)]);
    on.api.newCalls();
    await refresh(tick, on.context);
    expect(quiet(on)).toEqual([]);
  });

  it('is not looked up any more after a few ticks', async () => {
    const on = await closedUntold();
    on.wait(180_000);
    on.api.newCalls();
    await refresh(tick, on.context);
    expect(on.api.newCalls().filter((call) => call.includes('events'))).toEqual([]);
  });
});
