import { describe, expect, it } from 'vitest';
import { keyringOf, loginsFor } from '../../../../functions/runtime/registry/keyring.ts';

const auth = (words: string) => Buffer.from(words).toString('base64');
const secret = (...places: readonly string[]) =>
  JSON.stringify({ auths: Object.fromEntries(places.map((place) => [place, { auth: auth(`u:${place}`) }])) });
const placesFor = (texts: readonly string[], registry: string, repository: string) =>
  loginsFor(keyringOf(texts), registry, repository).map(({ password }) => password);

describe('loginsFor', () => {
  it.each([
    ['registry.example.com', 'registry.example.com', 'team/app', true],
    ['https://registry.example.com', 'registry.example.com', 'team/app', true],
    ['http://registry.example.com/', 'registry.example.com', 'team/app', true],
    ['https://registry.example.com/v1/', 'registry.example.com', 'team/app', true],
    ['registry.example.com/v2/', 'registry.example.com', 'team/app', true],
    ['Registry.Example.com', 'registry.example.com', 'team/app', true],
    ['registry.example.com/team', 'registry.example.com', 'team/app', true],
    ['registry.example.com/te', 'registry.example.com', 'team/app', true],
    ['registry.example.com/v1/team', 'registry.example.com', 'team/app', true],
    ['registry.example.com/team/app', 'registry.example.com', 'team/app', true],
    ['registry.example.com/other', 'registry.example.com', 'team/app', false],
    ['registry.example.com/team/app/x', 'registry.example.com', 'team/app', false],
    ['registry.example.com', 'evil.example.com', 'team/app', false],
    ['registry.example.com', 'registry.example.com.evil.org', 'team/app', false],
    ['registry.example.com', 'registry.example.com:5000', 'team/app', false],
    ['registry.example.com:5000', 'registry.example.com', 'team/app', false],
    ['registry.example.com:5000', 'registry.example.com:5000', 'team/app', true],
    ['*.example.com', 'registry.example.com', 'team/app', true],
    ['*.example.com', 'example.com', 'team/app', false],
    ['*.example.com', 'a.b.example.com', 'team/app', false],
    ['*.*.example.com', 'a.b.example.com', 'team/app', true],
    ['reg*y.example.com', 'registry.example.com', 'team/app', true],
    ['reg*x.example.com', 'registry.example.com', 'team/app', false],
    ['*', 'localhost', 'team/app', true],
    ['docker.io', 'docker.io', 'library/nginx', true],
    ['https://index.docker.io/v1/', 'docker.io', 'library/nginx', true],
    ['index.docker.io', 'docker.io', 'me/app', true],
    ['https://index.docker.io/v1/', 'registry.example.com', 'team/app', false],
    ['', 'registry.example.com', 'team/app', false],
  ])('for %j: %s/%s is %s', (place, registry, repository, isFor) => {
    expect(placesFor([secret(place)], registry, repository)).toEqual(isFor ? [place] : []);
  });

  it('sorts the more specific first, and of two for one place the first secret first', () => {
    const texts = [secret('r.io', '*.io'), secret('r.io/team', 'r.io/other')];
    expect(placesFor(texts, 'r.io', 'team/app')).toEqual(['r.io/team', 'r.io', '*.io']);
    const two = ['a', 'b'].map((name) => JSON.stringify({ auths: { 'r.io': { auth: auth(`u:${name}`) } } }));
    expect(placesFor(two, 'r.io', 'x')).toEqual(['a', 'b']);
  });

  it("uses Docker Hub's default key only if no other matches the image", () => {
    const texts = [secret('https://index.docker.io/v1/', 'docker.io/me')];
    expect(placesFor(texts, 'docker.io', 'me/app')).toEqual(['docker.io/me']);
    expect(placesFor(texts, 'docker.io', 'you/app')).toEqual(['https://index.docker.io/v1/']);
  });

  it('is fast for a pattern of many stars', () => {
    const began = performance.now();
    expect(placesFor([secret(`${'*a'.repeat(2000)}b`)], 'a'.repeat(4000), 'x')).toEqual([]);
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe('keyringOf', () => {
  const login = (entry: unknown) => loginsFor(keyringOf([JSON.stringify({ auths: { 'r.io': entry } })]), 'r.io', 'x');

  it.each([
    [{ auth: auth('u:p:q') }, { username: 'u', password: 'p:q' }],
    [{ auth: auth('u:pä').replace(/=+$/, '') }, { username: 'u', password: 'pä' }],
    [
      { username: 'u', password: 'p', email: 'e' },
      { username: 'u', password: 'p' },
    ],
    [
      { auth: auth('a:b'), username: 'u', password: 'p' },
      { username: 'a', password: 'b' },
    ],
  ])('reads %j', (entry, expected) => {
    expect(login(entry)).toEqual([expected]);
  });

  it.each([{}, { auth: auth('no colon') }, { auth: 1 }, 'x', null, { password: 'p' }])(
    'has no login in %j',
    (entry) => {
      expect(login(entry)).toEqual([]);
    },
  );

  it.each(['', '{', 'null', '[]', '{"auths":1}', '{"r.io":{"auth":"dTpw"}}'])('has none in the text %j', (text) => {
    expect(keyringOf([text])).toEqual([]);
  });
});
