import { describe, expect, it } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { aCache, cachePath, changed, completed, eventsPath, nodeNamed, nodePath, scene, tick } from './scene.ts';
import { quiet } from './begun.ts';
import { one, two, image, minutes, settled, come, due, at, told, states } from './moving-tag.ts';

const listing = (name: string, ...names: readonly (readonly string[])[]): object =>
  nodeNamed(name, {
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.34.2', containerRuntimeVersion: 'containerd://1.7.24' },
      images: names.map((each) => ({ names: each })),
    },
  });

const other = ['registry.example/app:1'];

describe('a refresh of a tag that may move', () => {
  it('asks the registry once and makes no Job where it says what it said when the cache was made; one status, one Event', async () => {
    const on = await settled(one);
    expect(told(on)).toMatchObject({ digest: one, unresolvedReason: '' });
    for (const number of [2, 3, 4]) {
      await due(on);
      expect(on.registry.newRequests().map(({ reference }) => reference)).toEqual([image]);
      expect(quiet(on)).toEqual([`PATCH ${cachePath()}/status`, `POST ${eventsPath}`]);
      const { status } = on.live();
      expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheRefresh', round: { number } });
      expect(status.lastRefreshTime).toBe(on.context.now());
      expect(status.nextRefreshTime).toBe(on.context.now() + minutes(15));
    }
    await refresh(tick, on.context);
    expect(on.registry.newRequests()).toEqual([]);
  });

  it('pulls it, and nothing else, on every node when the registry says something else, and then is content', async () => {
    const on = await settled(one);
    on.registry.resolve(image, two);
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
    await come(on);
    expect(told(on)?.digest).toBe(two);
    await due(on);
    expect(on.jobs()).toEqual([]);
  });

  it('makes no Job of a node whose own list shows it to have that version, whoever pulled it', async () => {
    const on = await settled(one);
    on.registry.resolve(image, two);
    on.api.put(nodePath('node-1'), listing('node-1', at(two), other));
    await due(on);
    expect(states(on)).toEqual(['Ready', 'Pulling 1']);
  });

  it('takes a cache without a word of registries, as an earlier version left it, by what lists show, and pulls the rest once', async () => {
    const on = await settled(undefined);
    on.registry.resolve(image, one);
    on.api.put(nodePath('node-1'), listing('node-1', at(one), other));
    await due(on);
    expect(states(on)).toEqual(['Ready', 'Pulling 1']);
    await come(on);
    await due(on);
    expect(states(on)).toEqual(['Ready', 'Ready']);
  });

  it('brings it back where a node has provably lost it, though the registry says the same', async () => {
    const on = await settled(one);
    on.api.put(nodePath('node-1'), listing('node-1', other));
    on.api.put(nodePath('node-2'), listing('node-2', ...Array.from({ length: 50 }, (_, each) => [`other:${each}`])));
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Ready']);
  });

  it('does not take a list for news that is as old as the last pull', async () => {
    const on = await settled(one);
    on.registry.resolve(image, two);
    on.annotate({ [annotations.refresh]: '' });
    on.wait(10_000);
    await refresh(changed(aCache), on.context);
    await come(on);
    on.registry.resolve(image, one);
    for (const name of ['node-1', 'node-2']) on.api.put(nodePath(name), listing(name, at(one), other));
    on.annotate({ [annotations.refresh]: 'again' });
    await refresh(changed(aCache), on.context);
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
  });

  it('pulls a node that joined with a later version, when the tag is back where it was', async () => {
    const on = await settled(one);
    on.nodes('node-3');
    await refresh(tick, on.context);
    await come(on, ['', two]);
    expect(told(on)).toMatchObject({ digest: one, hasMismatch: true });
    for (const name of ['node-1', 'node-2']) on.api.put(nodePath(name), listing(name, at(one), other));
    await due(on);
    expect(states(on)).toEqual(['Ready', 'Ready', 'Pulling 1']);
    await come(on, ['', one]);
    expect(told(on)?.hasMismatch).toBe(false);
    await due(on);
    expect(on.jobs()).toEqual([]);
  });

  it('heals a tag that moved between the asking and the pull, at the next one', async () => {
    const on = await settled(one);
    on.registry.resolve(image, two);
    await due(on);
    await come(on, ['', one]);
    on.registry.resolve(image, one);
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
  });

  it('bears with kubelets that count differently: a pull on suspicion an hour', async () => {
    const on = await settled(one);
    on.annotate({ [annotations.refreshRequestedAt]: 'a' });
    on.registry.resolve(image, two);
    await refresh(changed(aCache), on.context);
    const pulls: number[] = [];
    for (let quarter = 0; quarter < 9; quarter += 1) {
      if (on.jobs().length > 0) pulls.push(quarter);
      await come(on, ['', one]);
      await due(on);
    }
    expect(pulls).toEqual([0, 1, 5]);
  });

  it('never pulls again what a digest names, whatever the policy', async () => {
    const on = scene({ imagePullPolicy: 'Always' });
    on.cache({ cacheSpec: [{ images: [`registry.example/app@${one}`] }] });
    on.nodes('node-1');
    await refresh(tick, on.context);
    for (const job of on.jobs()) on.pod(job, completed(0));
    await refresh(tick, on.context);
    await due(on, minutes(120));
    expect(on.live().status.round?.number).toBe(2);
    expect(on.jobs()).toEqual([]);
    expect(on.registry.newRequests()).toEqual([]);
  });
});

describe('registries are asked', () => {
  it('once for each image, whatever conflicts the status meets', async () => {
    const on = await settled(one);
    on.api.refuse(/^PATCH .*status$/, refusal(409, 'Conflict', 'modified'), 3);
    await due(on);
    expect(on.live().status.round?.number).toBe(2);
    expect(on.registry.newRequests()).toHaveLength(1);
  });

  it('once for an image that two lists spell differently, and not for one that no node shall have', async () => {
    const on = scene();
    const lists = [
      { images: ['app', 'base:1'] },
      { images: ['docker.io/library/app:latest'] },
      { images: ['nobody'], nodeSelector: { pool: 'none' } },
    ];
    on.cache({ cacheSpec: lists });
    on.nodes('node-1');
    await refresh(tick, on.context);
    expect(on.registry.newRequests().map(({ reference }) => reference)).toEqual(['docker.io/library/app:latest']);
  });

  it('by nobody who is only told of a Job, nor at an edit, which leaves alone who has all it wants', async () => {
    const on = await settled(one);
    on.registry.resolve(image, two);
    on.edit({
      cacheSpec: [{ images: [image, 'registry.example/app:1'] }],
      imagePullSecrets: [{ name: 'login' }],
      pullsPerNode: 2,
    });
    await reconcile(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheUpdate', round: { number: 2 } });
    expect(on.registry.newRequests()).toEqual([]);
    expect(told(on)?.digest).toBe(one);
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
  });
});
