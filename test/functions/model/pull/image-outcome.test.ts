import { describe, expect, it } from 'vitest';
import { isConclusive, outcomeOf } from '#model/pull/image-outcome.ts';
import { pod, waiting } from '../builders.ts';

const images = {
  image: 'registry.example.com/forbidden/not found:1',
  helperImage: 'registry.example.com/noop:1',
  isOpening: false,
};

describe('what a Pod reports about an image', () => {
  it.each([
    [false, 'failed to pull registry.example.com/forbidden/not found:1: connection reset by peer'],
    [true, 'failed to pull registry.example.com/forbidden/not found:1: unexpected status 403 Forbidden'],
  ])('is final: %s, whatever words are in its name, by the rest of: %s', (isFinal, message) => {
    const outcome = outcomeOf(pod({ containers: [waiting(0, 'ErrImagePull', message)] }), 0, images);
    expect(outcome !== undefined && isConclusive(outcome)).toBe(isFinal);
  });
});
