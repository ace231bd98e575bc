import { describe, expect, it } from 'vitest';
import { annotations } from '#model/cache/api.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { aCache, cachePath, changed, completed, eventsPath, nodePath, scene, tick } from './scene.ts';
import { quiet } from './begun.ts';
import { one, two, image, listing, other, minutes, settled, come, due, at, told, states } from './moving-tag.ts';

describe('a refresh of a tag that may move', () => {
  it('asks the registry once and creates no Job if the digest is unchanged; one status write, one Event', async () => {
    const on = await settled(one);
    expect(told(on)).toMatchObject({ digest: one, unresolvedReason: '' });
    for (const number of [2, 3, 4]) {
      await due(on);
      expect(on.registry.newRequests().map(({ reference }) => reference)).toEqual([image]);
      expect(quiet(on)).toEqual([`PATCH ${cachePath()}/status`, `POST ${eventsPath}`]);
      const { status } = on.live();
      expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheRefresh', round: { number } });
      expect(status.lastRefreshTime).toBe(on.context.now());
      expect(status.nextRefreshTime).toBeGreaterThan(on.context.now() + minutes(13));
    }
    await refresh(tick, on.context);
    expect(on.registry.newRequests()).toEqual([]);
  });

  it('pulls only that image on every node if its digest has changed, and only once', async () => {
    const on = await settled(one);
    on.registry.resolve(image, two);
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
    await come(on);
    expect(told(on)?.digest).toBe(two);
    await due(on);
    expect(on.jobs()).toEqual([]);
  });

  it('creates no Job for a node whose image list has the new digest', async () => {
    const on = await settled(one);
    on.registry.resolve(image, two);
    on.api.put(nodePath('node-1'), listing('node-1', at(two), other));
    await due(on);
    expect(states(on)).toEqual(['Ready', 'Pulling 1']);
  });

  it('uses image lists for a status of an earlier version without digests, and pulls the rest once', async () => {
    const on = await settled(undefined);
    on.registry.resolve(image, one);
    on.api.put(nodePath('node-1'), listing('node-1', at(one), other));
    await due(on);
    expect(states(on)).toEqual(['Ready', 'Pulling 1']);
    await come(on);
    await due(on);
    expect(states(on)).toEqual(['Ready', 'Ready']);
  });

  it('pulls a missing image again although its digest is unchanged', async () => {
    const on = await settled(one);
    on.api.put(nodePath('node-1'), listing('node-1', other));
    on.api.put(nodePath('node-2'), listing('node-2', ...Array.from({ length: 50 }, (_, each) => [`other:${each}`])));
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Ready']);
  });

  it('ignores an image list that is not newer than the last pull', async () => {
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

  it('pulls on a node that joined with a later version after the tag has moved back', async () => {
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

  it('corrects at the next refresh a tag that moved between resolving and pulling', async () => {
    const on = await settled(one);
    on.registry.resolve(image, two);
    await due(on);
    await come(on, ['', one]);
    on.registry.resolve(image, one);
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
  });

  it('pulls at most hourly if kubelets report another digest than the registry', async () => {
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

  it('says so if a node that reports no digest lists another one than the registry, until it lists the same', async () => {
    const on = await settled(one);
    on.registry.resolve(image, two);
    await due(on);
    await come(on);
    expect(told(on)).toMatchObject({ digest: two, hasMismatch: false });
    on.api.put(nodePath('node-1'), listing('node-1', at(one), other));
    on.api.put(nodePath('node-2'), listing('node-2', at(two), other));
    await due(on, minutes(2));
    expect(told(on)?.hasMismatch).toBe(true);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', round: { number: 2 } });
    expect(on.live().status.message).toContain(`another digest of ${image}`);
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Ready']);
    await come(on);
    await due(on, minutes(2));
    expect(told(on)?.hasMismatch).toBe(true);
    on.api.put(nodePath('node-1'), listing('node-1', at(two), other));
    await due(on, minutes(2));
    expect(told(on)?.hasMismatch).toBe(false);
    expect(on.live().status.message).not.toContain('digest');
  });

  it('compares lists also if refreshes are a minute apart', async () => {
    const on = await settled(one);
    for (const name of ['node-1', 'node-2']) on.api.put(nodePath(name), listing(name, at(two), other));
    for (const name of ['second', 'third', 'fourth']) {
      on.annotate({ [annotations.refreshRequestedAt]: name });
      on.wait(56_000);
      await refresh(changed(aCache), on.context);
    }
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
  });

  it('has a node whose list is full prove once an hour that it still has the image', async () => {
    const on = await settled(one);
    const full = Array.from({ length: 50 }, (_, each) => [`large:${each}`]);
    for (const name of ['node-1', 'node-2']) on.api.put(nodePath(name), listing(name, ...full));
    const proofs: number[] = [];
    for (let quarter = 0; quarter < 9; quarter += 1) {
      await due(on);
      if (states(on).includes('Pulling 0')) proofs.push(quarter);
      await come(on);
    }
    expect(proofs).toEqual([3, 7]);
  });

  it('never pulls an image by digest again, whatever the policy', async () => {
    const on = scene({ imagePullPolicy: 'Always' });
    on.cache({ cacheSpec: [{ images: [`registry.example/app@${one}`] }] });
    on.nodes('node-1');
    await refresh(tick, on.context);
    for (const job of on.jobs()) on.pod(job, completed(0));
    await refresh(tick, on.context);
    on.api.put(nodePath('node-1'), listing('node-1', at(one)));
    await due(on, minutes(120));
    expect(on.live().status.round?.number).toBe(2);
    expect(on.jobs()).toEqual([]);
    expect(on.registry.newRequests()).toEqual([]);
  });
});

describe('registries are asked', () => {
  it('once per image, despite conflicts of the status', async () => {
    const on = await settled(one);
    on.api.refuse(/^PATCH .*status$/, refusal(409, 'Conflict', 'modified'), 3);
    await due(on);
    expect(on.live().status.round?.number).toBe(2);
    expect(on.registry.newRequests()).toHaveLength(1);
  });

  it('once for two spellings of an image, and never for one that no node needs', async () => {
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

  it('neither for a Job event nor at an edit, which does not change ready nodes', async () => {
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
