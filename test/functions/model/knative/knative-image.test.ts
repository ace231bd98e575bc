import fc from 'fast-check';
import { expect, it } from 'vitest';
import { imageStatus, parseKnativeImage } from '#model/knative/knative-image.ts';
import type { Readiness } from '#model/knative/image-readiness.ts';
import { noon } from '../builders.ts';

const object = (status: unknown, generation = 2): object => ({
  metadata: { namespace: 'apps', name: 'app', generation, resourceVersion: '1' },
  spec: { image: 'app:1' },
  status,
});

const readiness: fc.Arbitrary<Readiness> = fc.record({
  status: fc.constantFrom('True', 'False', 'Unknown'),
  reason: fc.constantFrom('Present', 'Pulling'),
  message: fc.constantFrom('on 1 of 2 nodes', 'on 2 of 2 nodes'),
});

/** Whatever may be stored, and what may not. */
const condition = fc.oneof(
  fc.record({
    type: fc.constantFrom('Ready', 'Scanned'),
    status: fc.constantFrom('True', 'False', 'no'),
    lastTransitionTime: fc.string(),
  }),
  fc.jsonValue(),
);
const stored = fc.oneof(
  fc.record({ conditions: fc.oneof(fc.array(condition), fc.jsonValue()), annotations: fc.constant({ a: 'b' }) }),
  fc.jsonValue(),
);

const isReady = (each: unknown): boolean => JSON.stringify(each).includes('"type":"Ready"');

it('the status of an Image is written once, keeps what others wrote, and moves the time with the status only', () => {
  fc.assert(
    fc.property(stored, readiness, readiness, (before, first, second) => {
      const image = parseKnativeImage(object(before));
      const written = imageStatus(image, first, noon);
      if (written === undefined) throw new Error('nothing was written');
      const once = parseKnativeImage(object(written));
      expect(imageStatus(once, first, noon + 1000)).toBeUndefined();
      expect(once).toMatchObject({ observedGeneration: 2, ready: { status: first.status } });
      const others = (conditions: unknown): readonly unknown[] =>
        Array.isArray(conditions) ? conditions.filter((each: unknown) => !isReady(each)) : [];
      expect(others(written['conditions'])).toEqual(others(image.status['conditions']));
      const next = imageStatus(once, second, noon + 1000);
      const hasMoved =
        parseKnativeImage(object(next ?? written)).ready?.lastTransitionTime !== once.ready?.lastTransitionTime;
      expect(hasMoved).toBe(first.status !== second.status);
    }),
  );
});

it('a new generation is observed, with the same words', () => {
  const said = { status: 'True', reason: 'Present', message: 'on 2 of 2 nodes' } as const;
  const written = imageStatus(parseKnativeImage(object({})), said, noon) ?? {};
  expect(imageStatus(parseKnativeImage(object(written, 3)), said, noon + 5000)).toEqual({
    ...written,
    observedGeneration: 3,
  });
});
