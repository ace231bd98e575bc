import { describe, expect, it } from 'vitest';
import { revisions } from '#model/workload/image-sources.ts';
import { workloadKinds } from '#model/workload/workload.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { refresh } from '../../functions/refresh.ts';
import { refusal } from '../support/api/in-memory-api.ts';
import { unlimited } from './model/builders.ts';
import { minutes } from './moving-tag.ts';
import { aCache, changed, nodeNamed, nodePath, podsPath, type Scene, tick } from './scene.ts';
import {
  accountPath,
  appsOf,
  cacheOf,
  created,
  deploy,
  found,
  foundImages,
  images,
  imagesOfJobs,
  next,
  pulled,
  rollouts,
  running,
  workload,
} from './workload-scene.ts';

describe('images of workloads', () => {
  it('are those of containers, init containers and image volumes of the selected templates', async () => {
    const on = cacheOf({ selector: { matchLabels: { app: 'web' } } });
    const template = {
      ...running('web:1', 'proxy:2'),
      initContainers: [{ name: 'init', image: 'migrate:3' }],
      volumes: [
        { name: 'model', image: { reference: 'model:4' } },
        { name: 'tmp', emptyDir: {} },
      ],
    };
    deploy(on, 'web', template, { app: 'web' });
    deploy(on, 'other', running('other:1'), { app: 'other' });
    await reconcile(created, on.context);
    expect(imagesOfJobs(on)).toEqual([['migrate:3', 'model:4', 'proxy:2', 'web:1']]);
    await pulled(on);
    expect(on.live().status).toMatchObject({
      status: 'Succeeded',
      round: { operation: 'Create', trigger: 'Spec' },
      found: {
        lists: [
          {
            list: 0,
            images: ['migrate:3', 'model:4', 'proxy:2', 'web:1'].map((image) => ({
              ...{ image, workloads: ['Deployment/web'], workloadCount: 1 },
            })),
          },
        ],
        problem: '',
      },
    });
    await next(on);
    expect(on.live().status.round?.number).toBe(1);
  });

  it('are left out where the namespace may not have them, which the status says', async () => {
    const limits = { ...unlimited, tenantImages: { apps: ['docker.io/library/web'] } };
    const on = cacheOf({ keepSeconds: 3600 });
    deploy(on, 'web', running('web:1', 'registry.example.com/others/a:1', 'registry.example.com/others/b:1'));
    await reconcile(created, on.context);
    await pulled(on);
    expect(foundImages(on)).toHaveLength(3);
    const isolated = { ...on.context, settings: { ...on.context.settings, limits } };
    on.registry.newRequests();
    on.wait(minutes(20));
    await refresh(tick, isolated);
    expect(foundImages(on)).toEqual(['web:1']);
    expect(found(on).problem).toBe(
      'Workloads name images that TENANCY does not allow here, which are left out: registry.example.com/others/a:1 and 1 more',
    );
    expect(on.live().status.status).not.toBe('Failed');
    expect(on.registry.newRequests()).toEqual([]);
  });

  it.each([
    ['StatefulSet', `${appsOf('statefulsets')}/x`, workload('x', running('x:1'))],
    ['DaemonSet', `${appsOf('daemonsets')}/x`, workload('x', running('x:1'))],
    ['ReplicaSet', `${appsOf('replicasets')}/x`, workload('x', running('x:1'))],
    ['Job', '/apis/batch/v1/namespaces/apps/jobs/x', workload('x', running('x:1'))],
    [
      'CronJob',
      '/apis/batch/v1/namespaces/apps/cronjobs/x',
      { metadata: { name: 'x' }, spec: { jobTemplate: { spec: { template: { spec: running('x:1') } } } } },
    ],
    ['Rollout', '/apis/argoproj.io/v1alpha1/namespaces/apps/rollouts/x', workload('x', running('x:1'))],
    ['Pod', '/api/v1/namespaces/apps/pods/x', { metadata: { name: 'x' }, spec: running('x:1') }],
    [
      'Revision',
      '/apis/caching.internal.knative.dev/v1alpha1/namespaces/apps/images/x-cache-user',
      {
        metadata: { name: 'x-cache-user', ownerReferences: [{ kind: 'Revision', name: 'x', uid: 'u' }] },
        spec: { image: 'x:1' },
      },
    ],
  ])('are found in a %s', async (kind, path, object) => {
    const on = cacheOf({ kinds: [kind] }, { workloadKinds: [...workloadKinds, revisions, rollouts] });
    on.api.put(path, object);
    await reconcile(created, on.context);
    expect(found(on).lists[0]?.images).toEqual([
      { image: 'x:1', workloads: [`${kind}/x`], workloadCount: 1, unnamedSince: undefined },
    ]);
    expect(images(on)).toEqual(['x:1']);
  });

  it('are not those of our own Jobs and Pods', async () => {
    const on = cacheOf(
      { kinds: ['Job', 'Pod'] },
      {},
      { cacheSpec: [{ images: ['own:1'], imagesFrom: { kinds: ['Job', 'Pod'] } }] },
    );
    await reconcile(created, on.context);
    for (const job of on.jobs()) on.pod(job, {});
    await next(on);
    expect(foundImages(on)).toEqual([]);
    expect(images(on)).toEqual(['own:1']);
  });

  it('open a round when they change, and stay as long as the list says after no workload names them', async () => {
    const on = cacheOf({ keepSeconds: 600 });
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    await pulled(on);
    deploy(on, 'web', running('web:2'));
    await next(on);
    expect(on.live().status.round).toMatchObject({ number: 2, operation: 'Update', trigger: 'Workloads' });
    expect(foundImages(on)).toEqual(['web:1', 'web:2']);
    expect(imagesOfJobs(on).at(-1)).toContain('web:2');
    await pulled(on);
    await next(on, minutes(9));
    expect(foundImages(on)).toEqual(['web:1', 'web:2']);
    await next(on, minutes(2));
    expect(foundImages(on)).toEqual(['web:2']);
    expect(on.live().status.round).toMatchObject({ trigger: 'Workloads' });
  });

  it('come back from what is kept without a pull, as after a rollback', async () => {
    const on = cacheOf();
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    await pulled(on);
    deploy(on, 'web', running('web:2'));
    await next(on);
    await pulled(on);
    const { number } = on.live().status.round ?? {};
    deploy(on, 'web', running('web:1'));
    await next(on);
    expect(on.live().status.round?.number).toBe(number);
    expect(found(on).lists[0]?.images).toMatchObject([
      { image: 'web:1', workloadCount: 1 },
      { image: 'web:2', workloadCount: 0 },
    ]);
    expect(found(on).lists[0]?.images[0]?.unnamedSince).toBeUndefined();
  });

  it('are named with a few of the workloads that name them, however many do', async () => {
    const on = cacheOf();
    for (let index = 100; index < 200; index += 1) deploy(on, `web-${index}`, running('web:1'));
    await reconcile(created, on.context);
    expect(found(on).lists[0]?.images).toEqual([
      {
        image: 'web:1',
        workloads: ['Deployment/web-100', 'Deployment/web-101', 'Deployment/web-102'],
        workloadCount: 100,
        unnamedSince: undefined,
      },
    ]);
  });

  it('open no more than one round per interval', async () => {
    const on = cacheOf({}, { workloadRoundInterval: 30_000 });
    deploy(on, 'web', running('web:0'));
    await reconcile(created, on.context);
    for (let second = 1; second <= 60; second += 1) {
      on.wait(1000);
      deploy(on, 'web', running(`web:${second}`));
      await reconcile(changed(aCache), on.context);
    }
    expect(on.live().status.round?.number).toBe(3);
    await next(on, 30_000);
    expect(foundImages(on)).toContain('web:60');
  });

  it('leave with the field', async () => {
    const on = cacheOf();
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    await pulled(on);
    on.edit({ cacheSpec: [{ images: ['own:1'] }] });
    await reconcile(changed(aCache), on.context);
    expect(images(on)).toEqual(['own:1']);
    expect(on.api.read('/apis/kubefledged.io/v1alpha2/namespaces/apps/imagecaches/web')).not.toHaveProperty(
      'status.imagesFrom',
    );
  });

  it('do not refill a purged cache, and are not read while it is suspended', async () => {
    const on = cacheOf();
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    await pulled(on);
    on.edit({ suspend: true, cacheSpec: [{ imagesFrom: { kinds: ['Deployment'] } }] });
    await reconcile(changed(aCache), on.context);
    deploy(on, 'web', running('web:2'));
    on.api.newCalls();
    await next(on);
    expect(on.api.newCalls().filter((call) => call.includes('deployments'))).toEqual([]);
    expect(foundImages(on)).toEqual(['web:1']);
  });
});

describe('the pull secrets of workloads', () => {
  const secretsOfJobs = (on: Scene): readonly (readonly string[])[] =>
    on.api.bodies('POST', '/jobs').map((body) => {
      const { spec } = body as { spec: { template: { spec: { imagePullSecrets: { name: string }[] } } } };
      return spec.template.spec.imagePullSecrets.map(({ name }) => name);
    });
  const account = (name: string, ...secrets: readonly string[]): object => ({
    metadata: { name, namespace: 'apps' },
    imagePullSecrets: secrets.map((secret) => ({ name: secret })),
  });

  it('are those of the template, else those of its service account, besides those of the spec', async () => {
    const on = cacheOf({}, {}, { imagePullSecrets: [{ name: 'of-spec' }] });
    on.api.put(accountPath('default'), account('default', 'of-default'));
    on.api.put(accountPath('robot'), account('robot', 'of-robot'));
    deploy(on, 'a', { ...running('a:1'), imagePullSecrets: [{ name: 'of-template' }], serviceAccountName: 'robot' });
    deploy(on, 'b', { ...running('b:1'), serviceAccountName: 'robot' });
    await reconcile(created, on.context);
    expect(secretsOfJobs(on)).toEqual([['of-spec', 'of-robot', 'of-template']]);
  });

  it('do not keep pull Pods from the secrets that admission would give them', async () => {
    const on = cacheOf();
    on.api.put(accountPath('default'), account('default', 'of-default'));
    deploy(on, 'a', { ...running('a:1'), imagePullSecrets: [{ name: 'of-template' }] });
    await reconcile(created, on.context);
    expect(secretsOfJobs(on)).toEqual([['of-default', 'of-template']]);
  });

  it('leave pull Pods when no workload has had them for long', async () => {
    const imagesFrom = { kinds: ['Deployment'], keepSeconds: 60 };
    const on = cacheOf({}, {}, { cacheSpec: [{ images: ['own:1'], imagesFrom }] });
    deploy(on, 'a', { containers: [{ image: 'a:1', imagePullPolicy: 'Never' }], imagePullSecrets: [{ name: 's' }] });
    await reconcile(created, on.context);
    await pulled(on);
    on.api.remove(`${appsOf('deployments')}/a`);
    await next(on);
    await next(on, minutes(2));
    expect(on.live().spec.imagePullSecrets).toEqual([]);
    expect(secretsOfJobs(on)).toEqual([['s'], []]);
  });

  it('are none if no workload has any', async () => {
    const on = cacheOf();
    on.api.put(accountPath('default'), account('default'));
    deploy(on, 'a', running('a:1'));
    await reconcile(created, on.context);
    expect(secretsOfJobs(on)).toEqual([[]]);
  });
});

describe('AsPods', () => {
  const labelled = (name: string, labels: object, taints: readonly object[] = []): object => ({
    ...nodeNamed(name),
    metadata: { name, uid: `uid-of-${name}`, labels },
    spec: { taints },
  });

  it('pulls to the nodes on which the Pods may run', async () => {
    const on = cacheOf({ nodes: 'AsPods' });
    on.api.remove(nodePath('node-1'));
    const gpu = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };
    const notReady = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' };
    on.api.put(nodePath('a'), labelled('a', { pool: 'web', zone: 'z1' }, [notReady]));
    on.api.put(nodePath('b'), labelled('b', { pool: 'web', zone: 'z2' }));
    on.api.put(nodePath('c'), labelled('c', { pool: 'web', zone: 'z3' }));
    on.api.put(nodePath('d'), labelled('d', { pool: 'web', zone: 'z1' }, [gpu]));
    on.api.put(nodePath('e'), labelled('e', { pool: 'ml' }, [gpu]));
    const inZone = (zone: string) => ({ matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }] });
    const required = { nodeSelectorTerms: [inZone('z1'), inZone('z2')] };
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } };
    deploy(on, 'web', { ...running('web:1'), nodeSelector: { pool: 'web' }, affinity });
    deploy(on, 'ml', {
      ...running('ml:1'),
      nodeSelector: { pool: 'ml' },
      tolerations: [{ key: 'gpu', operator: 'Exists' }],
    });
    await reconcile(created, on.context);
    const { nodes } = on.live().status;
    expect(Object.keys(nodes)).toEqual(['a', 'b', 'e']);
    expect(imagesOfJobs(on)).toEqual([['web:1'], ['web:1'], ['ml:1']]);
    await next(on);
    expect(on.live().status.round?.number).toBe(1);
  });
});

describe('required node affinity', () => {
  const inZone = { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] };
  const inNoZone = { matchExpressions: [{ key: 'zone', operator: 'DoesNotExist' }] };
  const onNode = { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['node-1'] }] };

  it.each([
    ['no term', { nodeSelectorTerms: [] }, []],
    ['no list of terms', {}, []],
    ['an empty term', { nodeSelectorTerms: [{}] }, []],
    ['a term with empty lists', { nodeSelectorTerms: [{ matchExpressions: [], matchFields: [] }] }, []],
    ['an empty term and another', { nodeSelectorTerms: [{}, inZone] }, ['a']],
    ['two terms', { nodeSelectorTerms: [inNoZone, inZone] }, ['a', 'node-1']],
    ['a term of fields, which do not count', { nodeSelectorTerms: [onNode] }, ['a', 'node-1']],
  ])('with %s selects the nodes that the scheduler would', async (_, required, nodes) => {
    const on = cacheOf({ nodes: 'AsPods' });
    on.api.put(nodePath('a'), nodeNamed('a', { metadata: { name: 'a', uid: 'uid-of-a', labels: { zone: 'a' } } }));
    const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: required };
    deploy(on, 'web', { ...running('web:1'), affinity: { nodeAffinity } });
    await reconcile(created, on.context);
    expect(Object.keys(on.live().status.nodes)).toEqual(nodes);
  });

  it('does not count where it is a preference, nor for the nodes that the list selects', async () => {
    const on = cacheOf({ nodes: 'Selected' });
    const required = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{}] } };
    const preferred = [{ weight: 1, preference: inZone }];
    deploy(on, 'web', { ...running('web:1'), affinity: { nodeAffinity: required } });
    deploy(on, 'api', {
      ...running('api:1'),
      affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } },
    });
    await reconcile(created, on.context);
    expect(imagesOfJobs(on)).toEqual([['api:1', 'web:1']]);
  });
});

describe('a cache for which no workload names an image', () => {
  it('says so', async () => {
    const on = cacheOf();
    await reconcile(created, on.context);
    expect(on.live().status).toMatchObject({
      status: 'NoImagesPulledOrDeleted',
      message: 'No images were pulled because no workload names one. Please see "imagesFrom" section',
    });
  });
});

describe('a sidecar that admission has added', () => {
  it('is found in the running Pods, for the same nodes as the other images of the workload', async () => {
    const on = cacheOf({ kinds: ['Deployment', 'Pod'], nodes: 'AsPods' });
    deploy(on, 'web', running('web:1'));
    const notReady = {
      key: 'node.kubernetes.io/not-ready',
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    };
    on.api.put('/api/v1/namespaces/apps/pods/web-1', {
      metadata: { name: 'web-1', namespace: 'apps' },
      spec: { ...running('web:1', 'mesh:2'), tolerations: [notReady] },
    });
    await reconcile(created, on.context);
    expect(found(on).lists.map(({ images: each }) => each)).toEqual([
      [
        { image: 'mesh:2', workloads: ['Pod/web-1'], workloadCount: 1, unnamedSince: undefined },
        { image: 'web:1', workloads: ['Deployment/web', 'Pod/web-1'], workloadCount: 2, unnamedSince: undefined },
      ],
    ]);
  });
});

describe('a debug container', () => {
  it('is no image of the workload', async () => {
    const on = cacheOf({ kinds: ['Pod'] });
    on.api.put(`${podsPath}/x`, {
      metadata: { name: 'x' },
      spec: { ...running('x:1'), ephemeralContainers: [{ name: 'debug', image: 'busybox:1' }] },
    });
    await reconcile(created, on.context);
    expect(images(on)).toEqual(['x:1']);
  });
});

describe('a Pod that has ended and was not deleted', () => {
  it.each(['Succeeded', 'Failed'])('names no image any more if it has %s', async (phase) => {
    const on = cacheOf({ kinds: ['Pod'], keepSeconds: 60 });
    const pod = (status: object) => ({ metadata: { name: 'x', namespace: 'apps' }, spec: running('x:1'), status });
    on.api.put(`${podsPath}/x`, pod({ phase: 'Running' }));
    await reconcile(created, on.context);
    for (const job of on.jobs()) on.pod(job, { phase: 'Pending' });
    expect(foundImages(on)).toEqual(['x:1']);
    on.api.put(`${podsPath}/x`, pod({ phase }));
    await next(on);
    await next(on, minutes(2));
    expect(foundImages(on)).toEqual([]);
  });
});

describe('what cannot be read of workloads', () => {
  const problem = async (on: Scene): Promise<string> => {
    await reconcile(created, on.context);
    return found(on).problem;
  };

  it('is a kind that the operator does not allow', async () => {
    const on = cacheOf({}, { workloadKinds: [] });
    expect(await problem(on)).toBe('The setting WORKLOAD_KINDS does not allow to read kind Deployment');
    expect(on.api.calls.filter((call) => call.includes('deployments'))).toEqual([]);
    expect(on.api.list('/api/v1/namespaces/apps/events')).toMatchObject([
      { reason: 'ImageCacheCreate' },
      { reason: 'WorkloadsNotRead', type: 'Warning' },
    ]);
  });

  it.each([
    [403, 'Forbidden', 'The controller has no right to list deployments in namespace apps'],
    [404, 'NotFound', 'The cluster has no kind Deployment'],
    [400, 'BadRequest', 'The selector of imagesFrom is invalid: no'],
  ])('is reported after %i, keeps what was found, and lets everything else go on', async (status, reason, sentence) => {
    const on = cacheOf({ kinds: ['Deployment', 'DaemonSet'], keepSeconds: 0 });
    deploy(on, 'web', running('web:1'));
    await reconcile(created, on.context);
    await pulled(on);
    on.api.refuse(/deployments/, refusal(status, reason, 'no'), 99);
    on.api.put(`${appsOf('daemonsets')}/agent`, workload('agent', running('agent:1')));
    await next(on);
    expect(found(on).problem).toBe(sentence);
    expect(foundImages(on)).toEqual(['agent:1', 'web:1']);
    expect(on.live().status.round).toMatchObject({ number: 2, trigger: 'Workloads' });
    on.api.acceptAll();
    await pulled(on);
    await next(on);
    expect(found(on).problem).toBe('');
  });

  it('is what exceeds the limit of images, beside those of the spec', async () => {
    const limits = { ...unlimited, images: 3 };
    const on = cacheOf({}, { limits }, { cacheSpec: [{ images: ['own:1'], imagesFrom: { kinds: ['Deployment'] } }] });
    deploy(on, 'web', running('web:1', 'web:2', 'web:3', 'web:4'));
    expect(await problem(on)).toBe(
      'Workloads name 4 images, and 2 of them are left out: MAX_IMAGES and MAX_IMAGE_BYTES allow no more',
    );
    expect(images(on)).toEqual(['own:1', 'web:1', 'web:2']);
    expect(on.live().status.status).toBe('Processing');
  });

  it('is what exceeds the number of images of any cache, where no limit is set', async () => {
    const on = cacheOf();
    const all = Array.from({ length: 1003 }, (_, index) => `web:${index}`);
    deploy(on, 'web', running(...all));
    expect(await problem(on)).toBe(
      'Workloads name 1003 images, and 3 of them are left out: a cache takes 1000 at most',
    );
  });

  it('is what exceeds the number of workloads', async () => {
    const on = cacheOf();
    for (let index = 0; index < 2300; index += 1) deploy(on, `web-${1000 + index}`, running(`web:${index % 7}`));
    expect(await problem(on)).toBe('More than 2000 workloads match, of which 2000 are read: select fewer by labels');
    const read = on.api.calls.filter((call) => call.includes('deployments'));
    expect(read).toHaveLength(41);
  });

  it('is a reference that no image can have', async () => {
    const on = cacheOf();
    deploy(on, 'web', running('web:1', '$(IMAGE)', 'Web:1'));
    expect(await problem(on)).toBe('No image reference: Deployment/web ("$(IMAGE)") and 1 more');
    expect(foundImages(on)).toEqual(['web:1']);
  });
});
