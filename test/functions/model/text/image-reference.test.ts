import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMovingReference, normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { digest } from '../builders.ts';

const rows: readonly { given: string; normalised: string; isMoving: boolean }[] = [
  { given: 'nginx', normalised: 'docker.io/library/nginx:latest', isMoving: true },
  { given: 'nginx:latest', normalised: 'docker.io/library/nginx:latest', isMoving: true },
  { given: 'nginx:1.27', normalised: 'docker.io/library/nginx:1.27', isMoving: false },
  { given: 'library/nginx:1.27', normalised: 'docker.io/library/nginx:1.27', isMoving: false },
  { given: 'docker.io/nginx:1.27', normalised: 'docker.io/library/nginx:1.27', isMoving: false },
  { given: 'index.docker.io/nginx:1.27', normalised: 'docker.io/library/nginx:1.27', isMoving: false },
  { given: 'bitnami/redis', normalised: 'docker.io/bitnami/redis:latest', isMoving: true },
  { given: 'ghcr.io/a/b', normalised: 'ghcr.io/a/b:latest', isMoving: true },
  { given: 'ghcr.io/a', normalised: 'ghcr.io/a:latest', isMoving: true },
  { given: 'localhost/a:1', normalised: 'localhost/a:1', isMoving: false },
  { given: 'localhost:5000/a', normalised: 'localhost:5000/a:latest', isMoving: true },
  { given: 'registry:5000/a/b/c:1', normalised: 'registry:5000/a/b/c:1', isMoving: false },
  { given: '[::1]:5000/a:1', normalised: '[::1]:5000/a:1', isMoving: false },
  { given: `nginx@${digest}`, normalised: `docker.io/library/nginx@${digest}`, isMoving: false },
  { given: `nginx:latest@${digest}`, normalised: `docker.io/library/nginx@${digest}`, isMoving: false },
  { given: `localhost:5000/a:1@${digest}`, normalised: `localhost:5000/a@${digest}`, isMoving: false },
  { given: 'a:latest-slim', normalised: 'docker.io/library/a:latest-slim', isMoving: false },
];

describe('image reference', () => {
  it.each(rows)('$given is normalised to $normalised', ({ given, normalised, isMoving }) => {
    expect(normalisedReference(given)).toBe(normalised);
    expect(isMovingReference(given)).toBe(isMoving);
  });

  it('is parsed into registry, repository, tag and digest', () => {
    expect(parseImageReference(`localhost:5000/team/app:1@${digest}`)).toEqual({
      registry: 'localhost:5000',
      repository: 'team/app',
      tag: '1',
      digest,
    });
  });

  it('does not change when it is normalised again', () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const reference = fc
      .tuple(
        fc.constantFrom('', 'docker.io/', 'index.docker.io/', 'localhost/', 'r.example.com:5000/'),
        fc.array(part, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', ':latest', ':1.2', `@${digest}`, `:1@${digest}`),
      )
      .map(([registry, path, end]) => `${registry}${path.join('/')}${end}`);
    fc.assert(
      fc.property(reference, (text) => {
        const once = normalisedReference(text);
        expect(normalisedReference(once)).toBe(once);
        expect(isMovingReference(once)).toBe(isMovingReference(text));
      }),
    );
  });

  it('is parsed without an error, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof normalisedReference(text) === 'string'));
  });
});
