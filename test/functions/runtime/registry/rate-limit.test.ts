import { describe, expect, it } from 'vitest';
import { pullsLeftIn } from '#runtime/registry/manifest-digest.ts';
import { answer, type Script } from '../../../support/scripted-server.ts';
import {
  challengeOf,
  hostOf,
  one,
  registryFor,
  secretFor,
  server,
  digestHeader,
} from '../../../support/registry/registry-client.ts';
import { keyringOf } from '#runtime/registry/keyring.ts';

const limitOf = (given: object): unknown => ('limit' in given ? given.limit : undefined);
const busy: Script = (response) => answer(response, 429, '', { 'retry-after': '90' });
const few = { 'ratelimit-remaining': '7;w=21600' };

describe('an answer says that the registry throttles', () => {
  it.each([
    ['90', 90_000],
    [undefined, undefined],
  ])('with Retry-After %s', async (after, ms) => {
    const headers = after === undefined ? {} : { 'retry-after': after };
    const { host, registry } = await one((response) => answer(response, 429, '', headers));
    expect(await registry.digest(`${host}/app`)).toMatchObject({ limit: { left: 0, ms, hasLogin: false } });
  });

  it('until a date', async () => {
    const now = Date.UTC(2026, 10, 24, 12);
    const date = new Date(now + 120_000).toUTCString();
    const { host, registry } = await one((response) => answer(response, 429, '', { 'retry-after': date }), {
      now: () => now,
    });
    expect(await registry.digest(`${host}/app`)).toMatchObject({ limit: { left: 0, ms: 120_000 } });
  });

  it('if its token server does', async () => {
    const { host, registry } = await one((response, seen, count) => {
      if (seen.path.startsWith('/token')) busy(response, seen, count);
      else answer(response, 401, '', challengeOf(seen));
    });
    expect(await registry.digest(`${host}/app`)).toMatchObject({ limit: { left: 0, ms: 90_000, hasLogin: false } });
  });

  it('for the login that was used', async () => {
    const { host, registry } = await one((response, seen, count) => {
      if (seen.headers.authorization === undefined)
        answer(response, 401, '', { 'www-authenticate': 'Basic realm="test"' });
      else busy(response, seen, count);
    });
    expect(await registry.digest(`${host}/app`, keyringOf([secretFor(host)]))).toMatchObject({
      limit: { left: 0, hasLogin: true },
    });
  });

  it.each([503, 500])('but not by %i, which says nothing about a limit', async (status) => {
    const { host, registry } = await one((response) => answer(response, status, '', { 'retry-after': '90' }));
    expect(limitOf(await registry.digest(`${host}/app`))).toBeUndefined();
  });

  it('but not if only a mirror does', async () => {
    const mirror = await server(busy);
    const origin = await server((response) => answer(response, 404, ''));
    const mirrors = { [hostOf(origin)]: [mirror.url] };
    const answered = await registryFor([mirror, origin], { mirrors }).digest(`${hostOf(origin)}/app`);
    expect(limitOf(answered)).toBeUndefined();
  });
});

describe('an answer says how much is left', () => {
  const left = async (headers: Readonly<Record<string, string>>) => {
    const { host, registry } = await one((response) => answer(response, 200, '', { ...digestHeader(), ...headers }));
    return limitOf(await registry.digest(`${host}/app`));
  };

  it('by itself', async () => {
    expect(await left(few)).toEqual({ left: 7, ms: 21_600_000, hasLogin: false });
    expect(await left({})).toBeUndefined();
  });

  it('but not for a host that it redirects to', async () => {
    const other = await server((response) => answer(response, 200, '', { ...digestHeader(), ...few }));
    const origin = await server((response, { path }) =>
      answer(response, 307, '', { location: new URL(path, other.url).href }),
    );
    const answered = await registryFor([other, origin]).digest(`${hostOf(origin)}/app`);
    expect(answered).toMatchObject({ type: 'digest' });
    expect(limitOf(answered)).toBeUndefined();
  });

  it('but not if a mirror does', async () => {
    const mirror = await server((response) => answer(response, 200, '', { ...digestHeader(), ...few }));
    const origin = await server((response) => answer(response, 404, ''));
    const registry = registryFor([mirror, origin], { mirrors: { [hostOf(origin)]: [mirror.url] } });
    expect(limitOf(await registry.digest(`${hostOf(origin)}/app`))).toBeUndefined();
  });
});

describe('headers that name a limit', () => {
  it.each([
    [{ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' }, 76, 21_600_000],
    [{ 'ratelimit-remaining': '0;w=21600' }, 0, 21_600_000],
    [{ 'ratelimit-remaining': '76' }, 76, undefined],
    [{ 'ratelimit-remaining': '76', 'ratelimit-reset': '50' }, 76, 50_000],
    [{ 'ratelimit-remaining': '76;w=3600', 'ratelimit-reset': '50' }, 76, 50_000],
    [{ 'ratelimit-remaining': '76', 'ratelimit-reset': '1790000000' }, 76, undefined],
    [{ ratelimit: 'limit=100, remaining=76, reset=50' }, 76, 50_000],
    [{ ratelimit: '"default";r=76;t=50' }, 76, 50_000],
    [{ ratelimit: '"burst";r=90;t=10, "daily";r=3;t=7200' }, 3, 7_200_000],
    [{ ratelimit: '"default";r=76' }, 76, undefined],
  ])('%o', (headers, left, ms) => {
    expect(pullsLeftIn(headers)).toEqual({ left, ms });
  });

  it.each([
    {},
    { 'ratelimit-remaining': '' },
    { 'ratelimit-remaining': '-1' },
    { 'ratelimit-remaining': 'many' },
    { 'ratelimit-remaining': '99999999999999999999' },
    { ratelimit: 'nothing' },
    { 'x-ratelimit-remaining': '3' },
  ])('but not %o', (headers) => {
    expect(pullsLeftIn(headers)).toBeUndefined();
  });
});
