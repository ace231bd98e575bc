import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseImageReference } from '../../../../functions/model/text/image-reference.ts';
import { NoAnswer } from '../../../../functions/runtime/registry/send-request.ts';
import { isManifestPath, placesOf, listedHosts } from '../../../../functions/runtime/registry/places.ts';

const mirrors = {
  'docker.io': ['https://mirror.example.com', 'http://10.0.0.1:5000/v2/hub/'],
  'quay.io': ['https://cache.example.com/quay'],
};
const settings = { mirrors, certificates: '', insecure: ['registry.local:5000', 'plain.local:80'] };
const urlsOf = (text: string) => placesOf(parseImageReference(text), settings).map(({ manifest }) => manifest.href);

describe('placesOf', () => {
  it.each([
    [
      'nginx',
      [
        'https://mirror.example.com/v2/library/nginx/manifests/latest?ns=docker.io',
        'http://10.0.0.1:5000/v2/hub/library/nginx/manifests/latest?ns=docker.io',
        'https://registry-1.docker.io/v2/library/nginx/manifests/latest',
      ],
    ],
    [
      'quay.io/a/b:1',
      ['https://cache.example.com/v2/quay/a/b/manifests/1?ns=quay.io', 'https://quay.io/v2/a/b/manifests/1'],
    ],
    ['registry.local:5000/a/b__c-d.e:V_1.0-x', ['http://registry.local:5000/v2/a/b__c-d.e/manifests/V_1.0-x']],
    ['registry.local/a:1', ['https://registry.local/v2/a/manifests/1']],
    ['[fd00::1]:5000/a:1', ['https://[fd00::1]:5000/v2/a/manifests/1']],
  ])('of %s', (text, urls) => {
    expect(urlsOf(text)).toEqual(urls);
  });

  it('names a mirror by its own host, so that it gets no secrets of the registry', () => {
    const names = placesOf(parseImageReference('quay.io/a/b:1'), settings).map((place) => [
      place.registry,
      place.repository,
    ]);
    expect(names).toEqual([
      ['cache.example.com', 'quay/a/b'],
      ['quay.io', 'a/b'],
    ]);
  });

  it.each([
    'r.io/a/../../x:1',
    'r.io/a/../b:1',
    'r.io//a:1',
    'r.io/a?x=1:1',
    'r.io/a:1#x',
    'r.io/a:%2e%2e',
    'r.io/A:1',
    'r.io:x/a:1',
    'r.io:99999/a:1',
    'user:secret@r.io/a',
    'r.io?/a:1',
    'r.io/a:',
  ])('refuses %s', (text) => {
    expect(() => urlsOf(text)).toThrow(NoAnswer);
  });
});

describe('any reference', () => {
  const part = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('..', '.', '/', '//', ':', '@', '?', '#', '%2f', '\\', 'r.io', 'a', '1', '[::1]', 'manifests', '&'),
  );

  it('leads to a manifest of the named registry, or to none', () => {
    const texts = fc.array(part, { maxLength: 12 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(texts, (text) => {
        const reference = parseImageReference(text);
        try {
          for (const { manifest } of placesOf(reference, { mirrors: {}, certificates: '', insecure: [] })) {
            const { registry, repository, tag } = reference;
            const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
            expect(isManifestPath(manifest)).toBe(true);
            expect(manifest.pathname + manifest.search + manifest.hash).toBe(`/v2/${repository}/manifests/${tag}`);
            expect(manifest.origin).toBe(new URL(`https://${host}`).origin);
            expect(manifest.username + manifest.password).toBe('');
          }
        } catch (error) {
          if (!(error instanceof NoAnswer)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('listedHosts', () => {
  it('are those of the settings, mirrors included', () => {
    const { plain, listed } = listedHosts(settings);
    expect([...plain].sort()).toEqual(['10.0.0.1:5000', 'plain.local', 'registry.local:5000']);
    expect([...listed].sort()).toEqual([...plain, 'cache.example.com', 'mirror.example.com'].sort());
  });
});

describe('isManifestPath', () => {
  it.each([
    ['https://r.io/v2/a/b/manifests/1', true],
    ['https://r.io/v2/a/manifests/sha256:00?x=y', true],
    ['https://r.io/v2/a/manifests/../../../admin', false],
    ['https://r.io/v2/a/blobs/sha256:00', false],
    ['https://r.io/x/v2/a/manifests/1', false],
    ['https://r.io/', false],
  ])('%s is %s', (url, isOne) => {
    expect(isManifestPath(new URL(url))).toBe(isOne);
  });
});
