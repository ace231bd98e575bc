import { describe, expect, it } from 'vitest';
import { revisions } from '#model/workload/image-sources.ts';
import type { InMemoryApi } from '../../support/api/in-memory-api.ts';
import { imageCache } from '../objects.ts';
import { startedSource } from './started-source.ts';

const image = (name: string, of: object = {}, namespace = 'apps'): object => ({
  apiVersion: 'caching.internal.knative.dev/v1alpha1',
  kind: 'Image',
  metadata: { name, namespace },
  spec: { image: `${name}:1` },
  ...of,
});

/** A source that has sent its first events, and what it sends since. */
async function world(knativeImages: readonly string[] | 'all', prepare?: (api: InMemoryApi) => void) {
  const started = await startedSource({ kinds: [revisions], roundInterval: 30_000, knativeImages }, prepare);
  const told = (): readonly string[] =>
    started
      .sent()
      .map((sent) =>
        sent.type === 'change'
          ? `${sent.verb} ${sent.object.kind} ${sent.object.namespace}/${sent.object.name}`
          : sent.type,
      );
  return { ...started, told };
}

const made = (annotations = { 'kubefledged.io/made-for': 'knative-images' }): object =>
  imageCache(
    { name: 'knative-images', uid: 'uid-of-made', resourceVersion: '1', annotations },
    { spec: { cacheSpec: [{ imagesFrom: { kinds: ['Revision'] } }] } },
  );

describe('an Image of Knative', () => {
  it('is reported as a change of the cache that its namespace lacks, once for all that come together', async () => {
    const { api, clock, told } = await world('all');
    for (const name of ['a', 'b', 'c']) api.apply(image(name));
    api.apply(image('d', {}, 'others'));
    await clock.advance(2_000);
    expect(told().toSorted()).toEqual([
      'update ImageCache apps/knative-images',
      'update ImageCache others/knative-images',
    ]);
    await clock.advance(60_000);
    expect(told()).toEqual([]);
  });

  it('is reported as a change of its cache once that is there, also when it is deleted, not for its status', async () => {
    const { api, clock, told } = await world(['apps'], (prepared) => prepared.apply(made()));
    api.apply(image('a'));
    await clock.advance(2_000);
    expect(told()).toEqual(['update ImageCache apps/knative-images']);
    api.apply(image('a', { status: { conditions: [{ type: 'Ready', status: 'True' }] } }));
    await clock.advance(2_000);
    expect(told()).toEqual([]);
    api.remove('/apis/caching.internal.knative.dev/v1alpha1/namespaces/apps/images/a');
    await clock.advance(2_000);
    expect(told()).toEqual(['update ImageCache apps/knative-images']);
  });

  it('is not reported when it is deleted and there is no cache', async () => {
    const { api, clock, told } = await world('all', (prepared) => prepared.apply(image('a')));
    api.remove('/apis/caching.internal.knative.dev/v1alpha1/namespaces/apps/images/a');
    await clock.advance(5_000);
    expect(told()).toEqual([]);
  });

  it('is not reported in namespaces that the setting does not name', async () => {
    const { api, clock, told } = await world(['others']);
    api.apply(image('a'));
    await clock.advance(5_000);
    expect(told()).toEqual([]);
  });
});
