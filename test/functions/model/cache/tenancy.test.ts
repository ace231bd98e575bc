import { describe, expect, it } from 'vitest';
import { imagePatterns, isAllowedImage, isImagePattern, tenancyLimit } from '#model/cache/tenancy.ts';
import { allowedInTeamA, noReferences, outsideOfTeamA, tenantImages } from '../../../security/image-cases.ts';
import { cache, list, spec } from '../builders.ts';

const patterns = imagePatterns('team-a', { tenantImages });

describe('the images of an isolated tenant', () => {
  it.each(allowedInTeamA)('may be %s', (image) => {
    expect(isAllowedImage(image, patterns)).toBe(true);
  });

  it.each([...outsideOfTeamA, ...noReferences])('may not be %j', (image) => {
    expect(isAllowedImage(image, patterns)).toBe(false);
  });

  it('may be any in a namespace with the pattern *, and those of all namespaces in one that is not listed', () => {
    const all = imagePatterns('team-c', { tenantImages });
    expect(outsideOfTeamA.every((image) => isAllowedImage(image, all))).toBe(true);
    expect(imagePatterns('constructor', { tenantImages })).toEqual(tenantImages['*']);
    expect(imagePatterns('team-a', { tenantImages: {} })).toEqual([]);
  });

  it('are named in the refusal, with what is allowed', () => {
    const refused = (namespace: string, limits: object) =>
      tenancyLimit(cache({ namespace, spec: spec({ lists: [list(['nginx', 'evil.example/x'])] }) }), {
        tenantImages: limits as Readonly<Record<string, readonly string[]>>,
      });
    expect(refused('team-a', { 'team-a': ['docker.io/library/nginx'] })).toBe(
      'spec.cacheSpec lists evil.example/x, and TENANCY allows caches in namespace team-a only docker.io/library/nginx',
    );
    expect(refused('team-a', {})).toContain('allows caches in namespace team-a no image');
    const many = Array.from({ length: 50 }, (_, index) => `registry.example.com/${index}/*`);
    expect(refused('team-a', { '*': many })).toMatch(/only registry\.example\.com\/0\/\*, .*, 3\d more$/);
    expect(refused('team-a', { 'team-a': ['*'] })).toBeUndefined();
  });
});

describe('a pattern of images', () => {
  it.each([...Object.values(tenantImages).flat(), 'registry.example.com/*', '[::1]:5000/a', 'localhost/*', 'a.b/c:1'])(
    'may be %s',
    (text) => {
      expect(isImagePattern(text)).toBe(true);
    },
  );

  it.each([
    ...['', 'nginx', 'library/nginx', 'docker.io/nginx', 'index.docker.io/library/nginx', 'docker.io', 'a.b/', '**'],
    ...['a.b/c*', 'a.b/*/c', 'a.b/**', 'A.b/c', 'a.b/C', 'https://a.b/c', 'a.b/../c', 'a.b/c:*', 'a.b/c@sha256:1'],
  ])('may not be %j, which never matches or not what is meant', (text) => {
    expect(isImagePattern(text)).toBe(false);
  });
});
