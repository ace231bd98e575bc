import { describe, expect, it, vi } from 'vitest';
import { revisions } from '#model/workload/image-sources.ts';
import { madeCacheName } from '#model/knative/made-cache.ts';
import type { ApiError } from '#runtime/errors.ts';
import { serveAllImages } from '#runtime/drive/serve-images.ts';
import { purge } from '../../functions/purge.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import {
  begin,
  digest,
  image,
  imagePath,
  knativeScene,
  made,
  madePath,
  nextTick,
  ofImages,
  pull,
  putImage,
  ready,
  revisionsPath,
  statusWrites,
  succeeded,
} from './knative-scene.ts';
import { minutes } from './moving-tag.ts';
import { ends, removals, removed } from './removal-scene.ts';
import { jobsPath, missing, nodeNamed, nodePath, tick } from './scene.ts';
import { recordedLog } from './recorded-log.ts';

describe('Images of Knative', () => {
  it('get a cache, which pulls them, and a condition Ready that reports its progress', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    putImage(on, 'b');
    await reconcile(ofImages, on.context);
    expect(on.api.read(madePath)).toMatchObject({
      metadata: { annotations: { 'kubefledged.io/made-for': 'knative-images' } },
      spec: { cacheSpec: [{ imagesFrom: { kinds: ['Revision'], nodes: 'AsPods' } }] },
    });
    await begin(on);
    expect(made(on).spec.lists.flatMap(({ images }) => images)).toEqual([digest('a'), digest('b')]);
    expect(ready(on, 'a')).toMatchObject({ status: 'Unknown', reason: 'Pulling', message: 'on 0 of 2 nodes' });
    const since = ready(on, 'a')?.lastTransitionTime;
    on.wait(5000);
    await pull(on, succeeded, 1);
    expect(ready(on, 'b')).toMatchObject({ status: 'Unknown', reason: 'Pulling', message: 'on 1 of 2 nodes' });
    expect(ready(on, 'b')?.lastTransitionTime).toBe(since);
    on.wait(5000);
    await pull(on, succeeded);
    expect(ready(on, 'a')).toMatchObject({ status: 'True', reason: 'Present', message: 'on 2 of 2 nodes' });
    expect(ready(on, 'a')?.lastTransitionTime).not.toBe(since);
    expect(image(on, 'a').observedGeneration).toBe(1);
    const writes = statusWrites(on);
    await nextTick(on);
    await reconcile(ofImages, on.context);
    expect(statusWrites(on)).toBe(writes);
  });

  it('are not looked at unless the setting names their namespace', async () => {
    for (const knativeImages of [[], ['others']]) {
      const on = knativeScene({ knativeImages });
      putImage(on, 'a');
      await begin(on);
      await nextTick(on);
      expect(on.api.read(madePath)).toBeUndefined();
      expect(on.api.calls.filter((call) => call.includes('/namespaces/apps/images'))).toEqual([]);
    }
  });

  it('need no event: the tick does all of it', async () => {
    const on = knativeScene({ knativeImages: ['apps'] });
    putImage(on, 'a');
    await nextTick(on);
    await nextTick(on);
    await pull(on, succeeded);
    await nextTick(on);
    expect(ready(on, 'a')).toMatchObject({ status: 'True' });
  });

  it('report why a node fails, and keep what others wrote in the status', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    const others = { type: 'Scanned', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const { metadata, ...rest } = on.api.read(imagePath('a')) ?? { metadata: {} };
    on.api.put(imagePath('a'), { ...rest, metadata, status: { annotations: { a: 'b' }, conditions: [others] } });
    await begin(on);
    await pull(on, () => missing(0), 1);
    expect(ready(on, 'a')).toMatchObject({
      status: 'False',
      reason: 'ErrImagePull',
      message: 'on 0 of 2 nodes; node-1: not found',
    });
    expect(image(on, 'a').status).toMatchObject({ annotations: { a: 'b' }, conditions: [others, { type: 'Ready' }] });
  });

  it('stay Ready while a round for another Image is open', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    await begin(on);
    await pull(on, succeeded);
    putImage(on, 'b');
    await reconcile(ofImages, on.context);
    expect(made(on).status.round).toMatchObject({ number: 2, trigger: 'Workloads' });
    expect(ready(on, 'a')).toMatchObject({ status: 'True' });
    expect(ready(on, 'b')).toMatchObject({ status: 'Unknown', reason: 'Pulling' });
  });

  it('are not Ready because of a cache that was deleted, which may have removed them', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    await begin(on);
    await pull(on, succeeded);
    on.api.remove(madePath);
    for (const job of on.jobs()) on.api.remove(`${jobsPath}/${job}`);
    await begin(on);
    expect(ready(on, 'a')).toMatchObject({ status: 'Unknown', reason: 'Pulling', message: 'on 0 of 2 nodes' });
    await pull(on, succeeded);
    expect(ready(on, 'a')).toMatchObject({ status: 'True' });
  });

  it('are pulled where the Pods of their Revision may run, others everywhere', async () => {
    const on = knativeScene();
    const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };
    const labelled = { metadata: { name: 'node-3', uid: 'uid-3', labels: { pool: 'ml' } }, spec: { taints: [taint] } };
    on.api.put(nodePath('node-3'), { ...nodeNamed('node-3'), ...labelled });
    const spec = (of: object) => ({ containers: [{ image: 'x:1' }], ...of });
    for (const [name, of] of [
      ['a', {}],
      ['b', { nodeSelector: { pool: 'ml' }, tolerations: [{ key: 'gpu', operator: 'Exists' }] }],
      ['c', undefined],
    ] as const) {
      putImage(on, name);
      if (of !== undefined)
        on.api.put(`${revisionsPath}/${name}`, { metadata: { name, namespace: 'apps' }, spec: spec(of) });
    }
    await begin(on);
    expect(['a', 'b', 'c'].map((name) => ready(on, name)?.message)).toEqual([
      'on 0 of 2 nodes',
      'on 0 of 1 nodes',
      'on 0 of 3 nodes',
    ]);
  });

  it('are pulled on all nodes while Revisions may not be read, which the cache reports', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    on.api.refuse(/revisions/, refusal(403, 'Forbidden', 'no'), Infinity);
    await begin(on);
    expect(ready(on, 'a')).toMatchObject({ message: 'on 0 of 2 nodes' });
    expect(made(on).status.found.problem).toBe('The controller has no right to list revisions in namespace apps');
  });

  it('without a valid reference report that, and are no trouble for others', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    putImage(on, 'b', '../../etc/passwd\u001B[31m');
    putImage(on, 'c', '');
    await begin(on);
    await pull(on, succeeded);
    expect(ready(on, 'a')?.status).toBe('True');
    expect(ready(on, 'b')).toMatchObject({ status: 'False', reason: 'InvalidImageName' });
    expect(ready(on, 'b')?.message).not.toContain('\u001B');
    expect(ready(on, 'c')?.message).toContain('registries-skipping-tag-resolving');
  });

  it('that exceed a limit report that, as the cache does', async () => {
    const limits = { ...knativeScene().context.settings.limits, images: 2 };
    const on = knativeScene({ limits });
    for (const name of ['a', 'b', 'c']) putImage(on, name);
    await begin(on);
    await pull(on, succeeded);
    const states = ['a', 'b', 'c'].map((name) => ready(on, name)?.reason);
    expect(states.toSorted()).toEqual(['LeftOut', 'Present', 'Present']);
    const sentence =
      'Workloads name 3 images, and 1 of them are left out: MAX_IMAGES and MAX_IMAGE_BYTES allow no more';
    expect(made(on).status.found.problem).toBe(sentence);
    expect(ready(on, 'c')?.message).toBe(sentence);
  });

  it('report that the cache is suspended, was purged, or does not select them any more', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    const { metadata } = on.api.read(madePath) ?? { metadata: {} };
    const edits = [
      ['Suspended', { suspend: true, cacheSpec: [{ imagesFrom: { kinds: ['Revision'] } }] }],
      ['NotSelected', { cacheSpec: [{ images: ['own:1'] }] }],
      [
        'NotSelected',
        { cacheSpec: [{ imagesFrom: { kinds: ['Revision'], selector: { matchLabels: { app: 'other' } } } }] },
      ],
    ] as const;
    for (const [reason, spec] of edits) {
      on.api.put(madePath, {
        metadata: {
          ...metadata,
          ...{ name: madeCacheName, namespace: 'apps', generation: 1 },
          annotations: { 'kubefledged.io/made-for': 'knative-images' },
        },
        spec,
      });
      await reconcile(ofImages, on.context);
      expect(ready(on, 'a')).toMatchObject({ status: 'Unknown', reason });
      on.api.remove(madePath);
    }
  });
});

describe('the cache of Images', () => {
  it('is deleted with its images, once the last Image has been gone for long enough', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    await begin(on);
    await pull(on, succeeded);
    on.api.remove(imagePath('a'));
    await nextTick(on);
    await nextTick(on, minutes(30));
    expect(made(on).spec.lists.flatMap(({ images }) => images)).toEqual([digest('a')]);
    await nextTick(on, minutes(40));
    expect(made(on).spec.lists.flatMap(({ images }) => images)).toEqual([]);
    await purge(tick, on.context);
    await nextTick(on);
    expect(removals(on)).toHaveLength(2);
    for (const job of removals(on)) ends(on, job, [removed(digest('a'))]);
    await purge(tick, on.context);
    expect(on.api.read(madePath)).toBeDefined();
    await nextTick(on);
    expect(on.api.read(madePath)).toBeUndefined();
  });

  it('stays while a user has images of his own in it', async () => {
    const on = knativeScene();
    const cacheSpec = [{ images: ['own:1'], imagesFrom: { kinds: ['Revision'], keepSeconds: 0 } }];
    const annotations = { 'kubefledged.io/made-for': 'knative-images' };
    on.api.put(madePath, {
      metadata: { name: madeCacheName, namespace: 'apps', generation: 1, annotations },
      spec: { cacheSpec },
    });
    for (let count = 0; count < 5; count += 1) {
      await nextTick(on);
      await pull(on, succeeded);
    }
    expect(made(on).status.status).toBe('Succeeded');
  });

  it.each([
    ['takes images of other workloads', { cacheSpec: [{ imagesFrom: { kinds: ['Deployment'], keepSeconds: 0 } }] }],
    ['is suspended', { suspend: true, cacheSpec: [{ imagesFrom: { kinds: ['Revision'], nodes: 'AsPods' } }] }],
    ['has a rollout', { rollout: {}, cacheSpec: [{ imagesFrom: { kinds: ['Revision'], nodes: 'AsPods' } }] }],
  ])('stays without Images once a user has edited it so that it %s', async (_, spec) => {
    const on = knativeScene({ workloadKinds: [revisions] });
    putImage(on, 'a');
    await reconcile(ofImages, on.context);
    const { metadata } = on.api.read(madePath) ?? {};
    on.api.put(madePath, { metadata: { ...metadata, generation: 2 }, spec });
    on.api.remove(imagePath('a'));
    for (let count = 0; count < 5; count += 1) await nextTick(on);
    expect(on.api.read(madePath)).toMatchObject({ spec });
  });

  it('is made by functions that open rounds only: others lack the right', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    await begin(on);
    on.api.refuse(/GET \S*\/images/, () => on.api.remove(madePath), 1);
    await pull(on, succeeded, 1);
    expect(on.api.read(madePath)).toBeUndefined();
    await nextTick(on);
    expect(on.api.read(madePath)).toBeDefined();
  });

  it('is made anew if somebody deletes it', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    await begin(on);
    on.api.remove(madePath);
    await nextTick(on);
    expect(on.api.read(madePath)).toBeDefined();
  });

  it('is neither changed nor deleted if somebody else created it, which is logged once', async () => {
    const { log, lines } = recordedLog();
    const on = knativeScene({}, { log });
    const theirs = {
      metadata: { name: madeCacheName, namespace: 'apps', generation: 1 },
      spec: { cacheSpec: [{ images: ['own:1'] }] },
    };
    on.api.put(madePath, theirs);
    putImage(on, 'a');
    await begin(on);
    await nextTick(on);
    expect(ready(on, 'a')).toMatchObject({ status: 'Unknown', reason: 'NameTaken' });
    on.api.remove(imagePath('a'));
    await nextTick(on);
    expect(on.api.read(madePath)).toMatchObject(theirs);
    expect(lines().filter(({ msg }) => String(msg).includes('was created by somebody else'))).toHaveLength(1);
  });

  it('is made once by two programs', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    await Promise.all([reconcile(ofImages, on.context), reconcile(ofImages, on.context)]);
    await Promise.all([nextTick(on), nextTick(on)]);
    expect(made(on).status.round?.number).toBe(1);
  });
});

describe('trouble with Images', () => {
  const refused = (status: number, reason: string): ApiError => refusal(status, reason, `${reason} by the server`);

  it.each([
    [
      /GET \S*\/images/,
      403,
      'The controller has no right to list images of caching.internal.knative.dev: KNATIVE_IMAGES needs it',
    ],
    [/GET \S*\/images/, 404, 'The cluster has no Images of Knative: KNATIVE_IMAGES has no effect'],
    [
      /PATCH \S*\/images/,
      403,
      'The controller has no right to patch images/status of caching.internal.knative.dev: KNATIVE_IMAGES needs it',
    ],
    [
      /POST \S*\/imagecaches/,
      403,
      'The controller may not create ImageCache apps/knative-images: Refused by the server',
    ],
  ])('%s answered %i is one line in the log, and everything else goes on', async (call, status, sentence) => {
    const { log, lines } = recordedLog();
    const on = knativeScene({}, { log });
    on.cache();
    putImage(on, 'a');
    on.api.refuse(call, refused(status, 'Refused'), Infinity);
    await begin(on);
    for (let count = 0; count < 3; count += 1) await nextTick(on);
    expect(lines().filter(({ msg }) => msg === sentence)).toHaveLength(1);
    expect(on.live().status.round).toMatchObject({ number: 1 });
    expect(lines().filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('in a namespace that is being deleted is none', async () => {
    const { log, lines } = recordedLog();
    const on = knativeScene({}, { log });
    putImage(on, 'a');
    const message = 'namespace apps: unable to create because it is being terminated';
    on.api.refuse(/POST \S*\/imagecaches/, refusal(403, 'Forbidden', message), Infinity);
    await nextTick(on);
    expect(lines().filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('holds up no other cache: the tick serves it while a status is not answered', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    await begin(on);
    on.cache();
    await pull(on, succeeded, 1);
    on.api.remove(imagePath('a'));
    putImage(on, 'a');
    on.api.hang(/PATCH \S*\/images\/a/);
    void nextTick(on);
    await vi.waitFor(() => expect(on.live().status.round).toMatchObject({ number: 1 }), { timeout: 10_000 });
    on.api.acceptAll();
  });

  it('of one is its own: it is gone, or its status is refused', async () => {
    const { log, lines } = recordedLog();
    const on = knativeScene({}, { log });
    for (const name of ['a', 'b', 'c']) putImage(on, name);
    on.api.refuse(/PATCH \S*\/images\/a/, refused(404, 'NotFound'), 1);
    on.api.refuse(/PATCH \S*\/images\/b/, refused(422, 'Invalid'), 1);
    await begin(on);
    expect(ready(on, 'c')).toMatchObject({ reason: 'Pulling' });
    expect(ready(on, 'a')).toBeUndefined();
    expect(lines().filter(({ level }) => level === 'warn')).toMatchObject([
      { err: { message: 'Invalid by the server' } },
    ]);
    await nextTick(on);
    expect(['a', 'b'].map((name) => ready(on, name)?.reason)).toEqual(['Pulling', 'Pulling']);
  });

  it('is no edit in the same moment: the next event writes the condition of the new version', async () => {
    const { log, lines } = recordedLog();
    const on = knativeScene({}, { log });
    putImage(on, 'a');
    on.api.refuse(/PATCH \S*\/images\/a/, () => putImage(on, 'a', '$(IMAGE)'), 1);
    await begin(on);
    expect(ready(on, 'a')).toBeUndefined();
    expect(lines().filter(({ level }) => level === 'warn')).toEqual([]);
    await nextTick(on);
    expect(ready(on, 'a')).toMatchObject({ reason: 'InvalidImageName' });
  });

  it('is no status that others have filled: it is left as it is, and does not count as none', async () => {
    const on = knativeScene();
    for (const name of ['a', 'b']) putImage(on, name);
    const filled = { annotations: { note: 'x'.repeat(5000) } };
    on.api.put(imagePath('a'), { ...on.api.read(imagePath('a')), status: filled });
    await begin(on);
    await pull(on, succeeded);
    expect(ready(on, 'b')?.status).toBe('True');
    expect(image(on, 'a').status).toEqual(filled);
    expect(made(on).spec.lists.flatMap(({ images }) => images)).toContain(digest('a'));
  });

  it('with more Images than are read deletes no cache of a namespace', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    await begin(on);
    on.api.remove(imagePath('a'));
    on.api.put(madePath, { ...on.api.read(madePath), status: { format: 1, observedGeneration: made(on).generation } });
    const listing = await on.context.cluster.listCaches();
    await serveAllImages({ images: [], isComplete: false }, listing, on.context);
    expect(on.api.read(madePath)).toBeDefined();
    await serveAllImages({ images: [], isComplete: true }, listing, on.context);
    expect(on.api.read(madePath)).toBeUndefined();
  });

  it('that lasts keeps what was cached: nothing is deleted because Images could not be read', async () => {
    const on = knativeScene();
    putImage(on, 'a');
    await begin(on);
    await pull(on, succeeded);
    on.api.refuse(/GET \S*\/images/, refused(403, 'Forbidden'), Infinity);
    for (let hour = 0; hour < 3; hour += 1) await nextTick(on, minutes(60));
    expect(made(on).spec.lists.flatMap(({ images }) => images)).toEqual([digest('a')]);
  });
});
