import { expect, it } from 'vitest';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { recordedAccess } from '../../../deploy/plugin/recorded-access.ts';
import { report } from '../../../deploy/plugin/status/report.ts';
import { reportLines } from '../../../deploy/plugin/status/report-lines.ts';

const cacheWith = (...images: readonly object[]): object => ({
  metadata: { name: 'web', namespace: 'apps', uid: 'u', resourceVersion: '1', generation: 1 },
  spec: { cacheSpec: [{ images: ['redis:7', 'private.example/app:1', 'new:1'] }] },
  status: {
    format: 1,
    status: 'Succeeded',
    desired: { w: [0] },
    images,
    nodes: { 'node-1': { id: 'a', desiredHash: 'w', attempt: 1, state: 'Ready' } },
  },
});
const reportOf = (object: object) => report(parseImageCache(object), recordedAccess(object));

it('has who can start each image, as the status says, however it is spelled', () => {
  const { images } = reportOf(
    cacheWith(
      { image: 'docker.io/library/redis:7', ready: 1, failed: 0, access: 'Anyone' },
      { image: 'private.example/app:1', ready: 1, failed: 0, access: 'PullSecrets' },
      { image: 'new:1', ready: 0, failed: 0 },
    ),
  );
  expect(images.map(({ image, access }) => [image, access])).toEqual([
    ['new:1', undefined],
    ['private.example/app:1', 'PullSecrets'],
    ['redis:7', 'Anyone'],
  ]);
});

it('does not say it for a word that this version does not know', () => {
  expect(reportOf(cacheWith({ image: 'redis:7', access: 'Nobody' })).images[2]?.access).toBeUndefined();
});

it('has it as a column', () => {
  const found = reportOf(cacheWith({ image: 'private.example/app:1', ready: 1, failed: 0, access: 'PullSecrets' }));
  const view = { colour: (_: unknown, text: string) => text, isWide: false, width: 80, now: 0 };
  expect(reportLines(found, view)).toEqual(
    expect.arrayContaining([
      '#   NODES   ACCESS        IMAGE',
      '1     1/1                 new:1',
      '2     1/1   PullSecrets   private.example/app:1',
    ]),
  );
});
