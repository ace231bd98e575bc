import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMovingReference, normalisedReference, parseImageReference } from '#model/text/image-reference.ts';
import { digest } from '../builders.ts';

const rows: readonly { given: string; is: string; moves: boolean }[] = [
  { given: 'nginx', is: 'docker.io/library/nginx:latest', moves: true },
  { given: 'nginx:latest', is: 'docker.io/library/nginx:latest', moves: true },
  { given: 'nginx:1.27', is: 'docker.io/library/nginx:1.27', moves: false },
  { given: 'library/nginx:1.27', is: 'docker.io/library/nginx:1.27', moves: false },
  { given: 'docker.io/nginx:1.27', is: 'docker.io/library/nginx:1.27', moves: false },
  { given: 'index.docker.io/nginx:1.27', is: 'docker.io/library/nginx:1.27', moves: false },
  { given: 'bitnami/redis', is: 'docker.io/bitnami/redis:latest', moves: true },
  { given: 'ghcr.io/a/b', is: 'ghcr.io/a/b:latest', moves: true },
  { given: 'ghcr.io/a', is: 'ghcr.io/a:latest', moves: true },
  { given: 'localhost/a:1', is: 'localhost/a:1', moves: false },
  { given: 'localhost:5000/a', is: 'localhost:5000/a:latest', moves: true },
  { given: 'registry:5000/a/b/c:1', is: 'registry:5000/a/b/c:1', moves: false },
  { given: '[::1]:5000/a:1', is: '[::1]:5000/a:1', moves: false },
  { given: `nginx@${digest}`, is: `docker.io/library/nginx@${digest}`, moves: false },
  { given: `nginx:latest@${digest}`, is: `docker.io/library/nginx@${digest}`, moves: false },
  { given: `localhost:5000/a:1@${digest}`, is: `localhost:5000/a@${digest}`, moves: false },
  { given: 'a:latest-slim', is: 'docker.io/library/a:latest-slim', moves: false },
];

describe('an image reference', () => {
  it.each(rows)('$given is $is', ({ given, is, moves }) => {
    expect(normalisedReference(given)).toBe(is);
    expect(isMovingReference(given)).toBe(moves);
  });

  it('comes apart into registry, repository, tag and digest', () => {
    expect(parseImageReference(`localhost:5000/team/app:1@${digest}`)).toEqual({
      registry: 'localhost:5000',
      repository: 'team/app',
      tag: '1',
      digest,
    });
  });

  it('is spelled one way only: what is normalised stays as it is', () => {
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

  it('never fails, whatever it is made of', () => {
    fc.assert(fc.property(fc.string(), (text) => typeof normalisedReference(text) === 'string'));
  });
});
