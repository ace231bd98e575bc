import { expect } from 'vitest';
import { keepsPullRecords } from '#model/node/node.ts';
import { parseNode } from '#model/node/parse-node.ts';
import { eventually } from '../eventually.ts';
import type { Scenario } from '../scenario.ts';
import { conditionOf, imagesOf, isOpening, type ObservedCache, type ObservedJob } from '../observed.ts';

const twoLists: Scenario = {
  name: 'pulls two lists with a secret, one with a selector, with one Job per node, and opens the images to others',
  nodes: 2,
  run: async (world) => {
    const plain = await world.nodes.addOne();
    const web = await world.nodes.addOne({ tier: 'web' });
    const [one, two, three] = [
      await world.image('good', 'one'),
      await world.image('good', 'two'),
      await world.image('good', 'three'),
    ];
    const config = JSON.stringify({ auths: { 'registry.example': { auth: 'dTpw' } } });
    const secret = { type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': config } };
    await world.kube.create('Secret', 'pull-secret', secret);
    await world.product.start();
    await world.createCache('cache', [], {
      cacheSpec: [world.list([one, two]), world.list([three], { tier: 'web' })],
      imagePullSecrets: [{ name: 'pull-secret' }],
    });

    const { status } = await world.settled('cache');

    expect(status).toMatchObject({ status: 'Succeeded', reason: 'ImageCacheCreate', nodesReady: '2/2', failures: {} });
    expect(await world.imagesOn(plain)).toEqual(expect.arrayContaining([one, two]));
    expect(await world.imagesOn(plain)).not.toContain(three);
    expect(await world.imagesOn(web)).toEqual(expect.arrayContaining([one, two, three]));
    for (const [node, images] of [
      [plain, [one, two]],
      [web, [one, two, three]],
    ] as const) {
      const jobs = world.history.jobsOf(node);
      const [pulls, opens] = jobs;
      // Kubelets before 1.35 keep no records of pulls, so that nothing is to be opened there.
      const keepsRecords = keepsPullRecords(parseNode(await world.kube.get('Node', node)));
      expect(jobs.map(isOpening)).toEqual(keepsRecords ? [false, true] : [false]);
      expect(pulls && imagesOf(pulls)).toEqual(images.toSorted());
      if (keepsRecords) expect(opens && imagesOf(opens)).toEqual(expect.arrayContaining([...images]));
    }
    expect(status.images.map(({ access }) => access)).toEqual(['Anyone', 'Anyone', 'Anyone']);
    await eventually('no Job and no Pod is left', () => isNothingLeft(world.history));
  },
};

const isNothingLeft = (history: {
  jobsThere: () => readonly unknown[];
  podsThere: () => readonly unknown[];
}): boolean => history.jobsThere().length + history.podsThere().length === 0;

const noNode: Scenario = {
  name: 'reports Ready with the reason when no node matches',
  run: async (world) => {
    await world.nodes.addOne();
    await world.product.start();
    await world.createCache('cache', [], { cacheSpec: [world.list([await world.image('good')], { tier: 'nowhere' })] });

    const cache = await world.settled('cache');

    expect(cache.status.status).toBe('NoImagesPulledOrDeleted');
    expect(conditionOf(cache, 'Ready')).toMatchObject({ status: 'True', reason: 'NoMatchingNodes' });
    expect(world.history.jobs()).toEqual([]);
  },
};

const oneImage: Scenario = {
  name: 'recognizes two spellings of a reference as one image',
  needs: ['simulated nodes'],
  run: async (world) => {
    const node = await world.nodes.addOne();
    await world.product.start();
    const cacheSpec = [world.list(['nginx']), world.list(['docker.io/library/nginx:latest'])];
    await world.createCache('cache', [], { cacheSpec });
    expect((await world.settled('cache')).status.status).toBe('Succeeded');
    expect(world.history.jobsOf(node).map(imagesOf)).toEqual([['nginx']]);
  },
};

const longNames: Scenario = {
  name: 'supports caches with names of the maximum length and with dots',
  run: async (world) => {
    await world.nodes.addOne();
    await world.product.start();
    const names = ['a'.repeat(63), `${'b'.repeat(39)}.${'c'.repeat(23)}`, `${'long.name.'.repeat(25)}xyz`];
    expect(names.map(({ length }) => length)).toEqual([63, 63, 253]);
    for (const name of names) await world.createCache(name, [await world.image('good')]);
    for (const name of names) expect((await world.settled(name)).status.status).toBe('Succeeded');
    expect(world.history.jobs()).toHaveLength(names.length);
  },
};

const sameName: Scenario = {
  name: 'keeps caches with the same name in two namespaces separate',
  isClusterWide: true,
  run: async (world) => {
    await world.nodes.addOne();
    const other = `${world.namespace}-other`;
    const there = world.inNamespace(other);
    await there.create('Namespace', other);
    await world.product.start();
    const spec = { cacheSpec: [world.list([await world.image('missing')])] };
    await world.createCache('cache', [await world.image('good')]);
    await there.create('ImageCache', 'cache', { spec });

    expect((await world.settled('cache')).status).toMatchObject({ status: 'Succeeded', nodesReady: '1/1' });
    const status = await eventually('the other is finished', async () => {
      const cache = await there.get('ImageCache', 'cache');
      return JSON.stringify(cache).includes('"Failed"') ? cache : undefined;
    });
    expect(status).toMatchObject({ status: { status: 'Failed', nodesReady: '0/1' } });
    expect(world.history.jobs()).toHaveLength(1);
    await there.remove('Namespace', other);
  },
};

const manyImages: readonly Scenario[] = [1, 2].map((pullsPerNode) => ({
  name: `pulls 40 images in Jobs of 8, ${pullsPerNode} of them at once on a node`,
  needs: ['simulated nodes'],
  hasProductToItself: true,
  isLong: true,
  run: async (world) => {
    const node = await world.nodes.addOne();
    await world.product.start({ env: { IMAGES_PER_JOB: '8' } });
    const images = Array.from({ length: 40 }, (_, index) => `registry.example/many-${index}:1`);
    await world.createCache('cache', images, { pullsPerNode });

    const { status } = await world.settled('cache', 90);

    expect(status.status).toBe('Succeeded');
    expect(world.history.jobs().map((job) => imagesOf(job).length)).toEqual([8, 8, 8, 8, 8]);
    expect(await world.imagesOn(node)).toEqual(images.toSorted());
    expect(world.history.maxPullingJobs()).toBe(pullsPerNode);
  },
}));

const twoWays: Scenario = {
  name: 'mounts images on nodes with image volumes, and starts a copied no-op in them on other nodes',
  needs: ['simulated nodes', 'image volumes'],
  run: async (world) => {
    const [young, old] = await world.nodes.add(2);
    await world.nodes.reportVersion(old ?? '', 'v1.33.4');
    await world.product.start();
    await world.createCache('cache', [await world.image('good'), await world.image('missing')]);

    expect((await world.settled('cache')).status).toMatchObject({ status: 'Failed', nodesReady: '0/2' });
    expect(world.history.jobsOf(young ?? '').map(waysOf)).toEqual(['mounted', 'mounted']);
    expect(world.history.jobsOf(old ?? '').map(waysOf)).toEqual(['copied', 'copied']);
    expect(await world.imagesOn(old ?? '')).toEqual(await world.imagesOn(young ?? ''));
  },
};

function waysOf({ spec: { template } }: ObservedJob): string {
  const isMounted = template.spec.volumes.some(({ image }) => image !== undefined);
  const isCopied = template.spec.initContainers.length > 0;
  return isMounted === isCopied ? 'neither' : isMounted ? 'mounted' : 'copied';
}

const surge: Scenario = {
  name: 'runs no more pull Pods at a time over all caches than --jobs-max-surge allows, and ends all of them',
  needs: ['simulated nodes'],
  nodes: 3,
  hasProductToItself: true,
  // Several processes may exceed the limit for a moment.
  isMeasured: true,
  run: async (world) => {
    await world.nodes.add(3);
    await world.product.start({ flags: ['--jobs-max-surge=2'] });
    const names = ['one', 'two', 'three', 'four', 'five'];
    await Promise.all(names.map(async (name) => world.createCache(name, [await world.image('good', name)])));

    for (const name of names)
      expect((await world.settled(name, 50)).status).toMatchObject({ status: 'Succeeded', nodesReady: '3/3' });
    expect(world.history.maxPullingJobs()).toBe(2);
  },
};

const ofWorkloads: Scenario = {
  name: 'pulls the images that workloads name, and those that they name later, to the nodes on which their pods may run',
  needs: ['simulated nodes'],
  nodes: 2,
  hasProductToItself: true,
  run: async (world) => {
    const plain = await world.nodes.addOne();
    const web = await world.nodes.addOne({ tier: 'web' });
    const [one, two] = [await world.image('good', 'one'), await world.image('good', 'two')];
    const pod = (image: string) => ({
      metadata: { labels: { team: 'shop' } },
      spec: { containers: [{ name: 'app', image }], nodeSelector: world.nodes.labelled({ tier: 'web' }) },
    });
    await world.kube.create('Pod', 'first', pod(one));
    await world.product.start({ flags: ['--workload-kinds=Pod', '--workload-round-interval=1s'] });
    const selector = { matchLabels: { team: 'shop' } };
    const imagesFrom = { kinds: ['Pod'], selector, nodes: 'AsPods', keepSeconds: 0 };
    await world.createCache('cache', [], { cacheSpec: [{ nodeSelector: world.nodes.labelled({}), imagesFrom }] });
    const { status } = await world.settled('cache');
    expect(status).toMatchObject({ status: 'Succeeded', nodesReady: '1/1', images: [{ image: one, ready: 1 }] });

    await world.kube.create('Pod', 'second', pod(two));
    await eventually('the new image is there, too', () => hasImages(world.history.cache('cache'), [one, two]));
    await world.kube.remove('Pod', 'first');
    await eventually('the old image has left', () => hasImages(world.history.cache('cache'), [two]));

    expect(world.history.jobsOf(web).length).toBeGreaterThan(1);
    expect(world.history.jobsOf(plain)).toEqual([]);
  },
};

const hasImages = (cache: ObservedCache | undefined, images: readonly string[]): boolean =>
  cache?.status.status === 'Succeeded' && String(cache.status.images.map(({ image }) => image)) === String(images);

export const pulling: readonly Scenario[] = [
  ...[twoLists, noNode, oneImage, longNames, sameName],
  ...manyImages,
  twoWays,
  surge,
  ofWorkloads,
];
