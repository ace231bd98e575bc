import { expect } from 'vitest';
import type { Scenario } from '../scenario.ts';

const restricted: Scenario = {
  name: 'creates Pods that the restricted Pod Security Standard admits, with both ways of pulling',
  needs: ['simulated nodes'],
  run: async (world) => {
    const [, old = ''] = await world.nodes.add(2);
    await world.nodes.reportVersion(old, 'v1.33.4');
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await world.kube.patch('Namespace', world.namespace, { metadata: { labels } });
    await world.product.start();
    await world.createCache('cache', [await world.image('good')]);
    expect((await world.settled('cache')).status).toMatchObject({ status: 'Succeeded', nodesReady: '2/2' });
  },
};

const dressed: Scenario = {
  name: 'creates Pods with the labels, annotations and service account of the spec',
  // The admission policy of an installation allows the keys and classes of its own settings only.
  needs: ['simulated nodes'],
  hasProductToItself: true,
  run: async (world) => {
    await world.nodes.addOne();
    await world.kube.create('ServiceAccount', 'puller');
    await world.product.start({ flags: ['--pod-metadata-keys=team,example.com/*'] });
    await world.createCache('cache', [await world.image('good')], {
      podMetadata: { labels: { team: 'a' }, annotations: { 'example.com/note': 'b' } },
      serviceAccountName: 'puller',
    });
    expect((await world.settled('cache')).status.status).toBe('Succeeded');
    const [pod] = world.history.podChanges().map(({ object }) => object);
    expect(pod).toMatchObject({
      metadata: { labels: { team: 'a', app: 'kubefledged' }, annotations: { 'example.com/note': 'b' } },
      spec: { serviceAccountName: 'puller' },
    });
  },
};

const prioritised: Scenario = {
  name: 'prefers the priority class of the spec to that of the flag',
  needs: ['simulated nodes'],
  hasProductToItself: true,
  run: async (world) => {
    await world.nodes.addOne();
    const [high, low] = [`${world.namespace}-high`, `${world.namespace}-low`];
    await world.kube.create('PriorityClass', high, { value: 1000 });
    await world.kube.create('PriorityClass', low, { value: 10 });
    await world.product.start({ flags: [`--job-priority-class-name=${low}`, `--priority-classes=${high}`] });
    await world.createCache('by-flag', [await world.image('good')]);
    await world.createCache('by-spec', [await world.image('good')], { priorityClassName: high });
    for (const name of ['by-flag', 'by-spec']) expect((await world.settled(name)).status.status).toBe('Succeeded');
    const classes = world.history.podChanges().map(({ object }) => object.spec.priorityClassName);
    expect(new Set(classes)).toEqual(new Set([low, high]));
    for (const name of [high, low]) await world.kube.remove('PriorityClass', name);
  },
};

export const pods: readonly Scenario[] = [restricted, dressed, prioritised];
