import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import { annotations } from '#model/api.ts';
import { patience } from '#runtime/registry-words.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from './in-memory-api.ts';
import {
  aCache,
  cachePath,
  changed,
  completed,
  eventsPath,
  nodeNamed,
  nodePath,
  scene,
  secretPath,
  tick,
  type Scene,
} from './scene.ts';

const [one, two] = [`sha256:${'1'.repeat(64)}`, `sha256:${'2'.repeat(64)}`];
const image = 'registry.example/app:latest';
const minutes = (count: number): number => count * 60_000;

/** A cache of one image on two nodes, made while the registry said this of it, its first round over. */
async function settled(word: Parameters<Scene['registry']['says']>[1] | undefined, on = scene()): Promise<Scene> {
  on.cache({ cacheSpec: [{ images: [image, 'registry.example/app:1'] }], imagePullSecrets: [{ name: 'login' }] });
  on.nodes('node-1', 'node-2');
  if (word !== undefined) on.registry.says(image, word);
  await reconcile(changed(aCache, { verb: 'add' }), on.context);
  await come(on);
  on.registry.asked();
  on.api.asked();
  return on;
}

/** All Jobs end well, with these digests for the images; '' is none, as where images are mounted. */
async function come(on: Scene, digests: readonly string[] = ['', '']): Promise<void> {
  for (const job of on.jobs()) on.pod(job, reporting(digests));
  await refresh(tick, on.context);
}

const reporting = (digests: readonly string[]): object => ({
  phase: 'Succeeded',
  containerStatuses: digests.map((digest, index) => ({
    name: `image-${index}`,
    imageID: digest === '' ? '' : `registry.example/app@${digest}`,
    state: { terminated: { exitCode: 0, reason: 'Completed' } },
  })),
});

const due = async (on: Scene, after = minutes(16)): Promise<void> => {
  on.wait(after);
  await refresh(tick, on.context);
};

const listing = (name: string, ...names: readonly (readonly string[])[]): object =>
  nodeNamed(name, {
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.34.2', containerRuntimeVersion: 'containerd://1.7.24' },
      images: names.map((each) => ({ names: each })),
    },
  });
const at = (digest: string): readonly string[] => [`registry.example/app@${digest}`, image];
const other = ['registry.example/app:1'];

const quiet = (on: Scene): readonly string[] => on.api.asked().filter((call) => !call.startsWith('GET'));
const told = (on: Scene) => on.live().status.resolved[image];
const states = (on: Scene): readonly string[] =>
  Object.values(on.live().status.nodes).map(({ state, todo = [] }) => [state, ...todo].join(' '));

describe('a refresh of a tag that may move', () => {
  it('asks the registry once and makes no Job where it says what it said when the cache was made; one status, one Event', async () => {
    const on = await settled(one);
    expect(told(on)).toMatchObject({ digest: one, unresolved: '' });
    for (const number of [2, 3, 4]) {
      await due(on);
      expect(on.registry.asked().map(({ reference }) => reference)).toEqual([image]);
      expect(quiet(on)).toEqual([`PATCH ${cachePath()}/status`, `POST ${eventsPath}`]);
      const { status } = on.live();
      expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheRefresh', round: { number } });
      expect(status.lastRefreshTime).toBe(on.context.now());
      expect(status.nextRefreshTime).toBe(on.context.now() + minutes(15));
    }
    await refresh(tick, on.context);
    expect(on.registry.asked()).toEqual([]);
  });

  it('pulls it, and nothing else, on every node when the registry says something else, and then is content', async () => {
    const on = await settled(one);
    on.registry.says(image, two);
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
    await come(on);
    expect(told(on)?.digest).toBe(two);
    await due(on);
    expect(on.jobs()).toEqual([]);
  });

  it('makes no Job of a node whose own list shows it to have that version, whoever pulled it', async () => {
    const on = await settled(one);
    on.registry.says(image, two);
    on.api.put(nodePath('node-1'), listing('node-1', at(two), other));
    await due(on);
    expect(states(on)).toEqual(['Ready', 'Pulling 1']);
  });

  it('takes a cache without a word of registries, as an earlier version left it, by what lists show, and pulls the rest once', async () => {
    const on = await settled(undefined);
    on.registry.says(image, one);
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
    on.registry.says(image, two);
    on.annotate({ [annotations.refresh]: '' });
    on.wait(10_000);
    await refresh(changed(aCache), on.context);
    await come(on);
    on.registry.says(image, one);
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
    expect(told(on)).toMatchObject({ digest: one, isDoubted: true });
    for (const name of ['node-1', 'node-2']) on.api.put(nodePath(name), listing(name, at(one), other));
    await due(on);
    expect(states(on)).toEqual(['Ready', 'Ready', 'Pulling 1']);
    await come(on, ['', one]);
    expect(told(on)?.isDoubted).toBe(false);
    await due(on);
    expect(on.jobs()).toEqual([]);
  });

  it('heals a tag that moved between the asking and the pull, at the next one', async () => {
    const on = await settled(one);
    on.registry.says(image, two);
    await due(on);
    await come(on, ['', one]);
    on.registry.says(image, one);
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
  });

  it('bears with kubelets that count differently: a pull on suspicion an hour', async () => {
    const on = await settled(one);
    on.annotate({ [annotations.refreshRequestedAt]: 'a' });
    on.registry.says(image, two);
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
    expect(on.registry.asked()).toEqual([]);
  });
});

describe('a registry that does not say', () => {
  const down = { type: 'unknown', reason: 'registry.example could not be asked: connect ECONNREFUSED' } as const;

  it('is told per image, and has nodes pull once an hour, not each time; never Failed', async () => {
    const on = await settled(one);
    on.registry.says(image, down);
    const pulls: number[] = [];
    for (let quarter = 0; quarter < 10; quarter += 1) {
      await due(on);
      expect(told(on)).toMatchObject({ digest: one, unresolved: down.reason });
      if (on.jobs().length > 0) pulls.push(quarter);
      await come(on);
      expect(on.live().status.status).toBe('Succeeded');
    }
    expect(pulls).toEqual([0, 4, 8]);
    on.registry.says(image, one);
    await due(on);
    expect(told(on)).toMatchObject({ digest: one, unresolved: '' });
    expect(on.jobs()).toEqual([]);
  });

  it('has nodes pull at once where a user asks for the refresh', async () => {
    const on = await settled(down);
    on.annotate({ [annotations.refresh]: '' });
    await refresh(changed(aCache), on.context);
    expect(on.jobs()).toHaveLength(2);
  });

  it.each([
    ['has lost it', one, ['Ready', 'Ready'], 'the registry does not have it any more: nodes keep what they have'],
    [
      'never showed it',
      down,
      ['Pulling 1', 'Pulling 1'],
      'the registry does not have it, or does not show it without a login',
    ],
  ] as const)('that %s leaves it to the nodes', async (_, before, is, reason) => {
    const on = await settled(before);
    on.registry.says(image, { type: 'absent' });
    await due(on, minutes(61));
    expect(states(on)).toEqual(is);
    expect(told(on)?.unresolved).toBe(reason);
  });

  it('is waited for no longer than the others may wait: 15 s at a refresh, 2 s when a cache is made', async () => {
    vi.useFakeTimers();
    try {
      const on = scene();
      on.registry.says(image, new Promise<never>(() => undefined));
      const begun = settled(undefined, on);
      await vi.advanceTimersByTimeAsync(patience.Create);
      await begun;
      expect(told(on)?.unresolved).toBe('the registry did not answer within 2 s');
      on.wait(minutes(61));
      const ticked = refresh(tick, on.context);
      await vi.advanceTimersByTimeAsync(patience.Refresh - 1);
      expect(on.live().status.round?.number).toBe(1);
      await vi.advanceTimersByTimeAsync(1);
      await ticked;
      expect(on.live().status.round?.number).toBe(2);
      expect(told(on)?.unresolved).toBe('the registry did not answer within 15 s');
    } finally {
      vi.useRealTimers();
    }
  });

  it('holds up no word of another', async () => {
    vi.useFakeTimers();
    try {
      const on = scene();
      on.cache({ cacheSpec: [{ images: [image, 'quick.example/app'] }] });
      on.nodes('node-1');
      on.registry.says(image, new Promise<never>(() => undefined));
      on.registry.says('quick.example/app', two);
      const begun = reconcile(changed(aCache, { verb: 'add' }), on.context);
      await vi.advanceTimersByTimeAsync(patience.Create);
      await begun;
      expect(on.live().status.resolved['quick.example/app']).toMatchObject({ digest: two, unresolved: '' });
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('registries are asked', () => {
  it('once for each image, whatever conflicts the status meets', async () => {
    const on = await settled(one);
    on.api.refuse(/^PATCH .*status$/, refusal(409, 'Conflict', 'modified'), 3);
    await due(on);
    expect(on.live().status.round?.number).toBe(2);
    expect(on.registry.asked()).toHaveLength(1);
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
    expect(on.registry.asked().map(({ reference }) => reference)).toEqual(['docker.io/library/app:latest']);
  });

  it('by nobody who is only told of a Job, nor at an edit, which leaves alone who has all it wants', async () => {
    const on = await settled(one);
    on.registry.says(image, two);
    on.edit({
      cacheSpec: [{ images: [image, 'registry.example/app:1'] }],
      imagePullSecrets: [{ name: 'login' }],
      pullsPerNode: 2,
    });
    await reconcile(changed(aCache), on.context);
    expect(on.live().status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheUpdate', round: { number: 2 } });
    expect(on.registry.asked()).toEqual([]);
    expect(told(on)?.digest).toBe(one);
    await due(on);
    expect(states(on)).toEqual(['Pulling 1', 'Pulling 1']);
  });
});

describe('pull secrets', () => {
  const secret = (data: object): object => ({ metadata: { name: 'login', namespace: 'apps' }, data });
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
  const login = { 'registry.example': { username: 'robot', password: 'hunter2' } };

  function watched(readsPullSecrets: boolean) {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    return { on: scene({}, { readsPullSecrets, log }), lines };
  }

  it.each([
    ['as they are made today', { '.dockerconfigjson': encoded({ auths: login }) }],
    ['as they were made once', { '.dockercfg': encoded(login) }],
  ])('are shown to registries where the operator allows it, %s', async (_, data) => {
    const { on, lines } = watched(true);
    on.api.put(secretPath('login'), secret(data));
    await settled(one, on);
    on.registry.says(image, { type: 'unknown', reason: 'denied' });
    await due(on);
    expect(on.registry.asked()).toEqual([{ reference: image, usernames: ['robot'] }]);
    expect(lines.join('') + JSON.stringify(on.api.read(cachePath()))).not.toContain('hunter2');
  });

  it('are not read otherwise', async () => {
    const { on } = watched(false);
    on.api.put(secretPath('login'), secret({ '.dockerconfigjson': encoded({ auths: login }) }));
    await settled(one, on);
    await due(on);
    expect(on.registry.asked()).toEqual([{ reference: image, usernames: [] }]);
    expect(on.api.asked().filter((call) => call.includes('secrets'))).toEqual([]);
  });

  it.each([
    ['is not there', undefined],
    ['holds no logins', secret({ password: encoded('hunter2') })],
    ['is not to be read', secret({ '.dockerconfigjson': Buffer.from('{"auths": hunter2').toString('base64') })],
    ['is no Secret', { metadata: { name: 'login' }, data: 'hunter2' }],
  ])('give no login, and no word of what is in them, where one %s', async (_, object) => {
    const { on, lines } = watched(true);
    if (object !== undefined) on.api.put(secretPath('login'), object);
    await settled(one, on);
    await due(on);
    expect(on.registry.asked()).toEqual([{ reference: image, usernames: [] }]);
    expect(on.live().status.status).toBe('Succeeded');
    expect(lines.join('') + JSON.stringify(on.api.read(cachePath()))).not.toContain('hunter2');
  });

  it('that may not be read are told in the log by name, and the registry is asked without', async () => {
    const { on, lines } = watched(true);
    on.api.refuse(/secrets/, refusal(403, 'Forbidden', 'secrets is forbidden'), 99);
    await settled(one, on);
    await due(on);
    expect(told(on)?.digest).toBe(one);
    expect(lines.join('')).toContain('"pullSecret":"apps/login","status":403,"msg":"pull secret could not be read"');
  });
});
