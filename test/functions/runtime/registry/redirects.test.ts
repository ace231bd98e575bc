import type { LookupFunction } from 'node:net';
import { describe, expect, it } from 'vitest';
import { unreachable } from '#runtime/registry/send-request.ts';
import { keyringOf } from '#runtime/registry/keyring.ts';
import { answer, type Script } from '../../../support/scripted-server.ts';
import {
  digest,
  hostOf,
  basic,
  secretFor,
  server,
  registryFor,
  one,
  asks,
  authorizations,
  reasonOf,
  found,
  challengeOf,
  wantsPassword,
} from '../../../support/registry/registry-client.ts';

describe('redirects', () => {
  const to =
    (url: string, status = 307): Script =>
    (response) =>
      answer(response, status, '', { location: url });

  it('are followed without the login, which is for the first host only', async () => {
    const other = await server(found);
    const first = await server((response, seen) => {
      if (seen.headers.authorization === undefined) wantsPassword(response, seen, 0);
      else to(`${other.url}${seen.path}`)(response, seen, 0);
    });
    const registry = registryFor([first, other]);
    const keyring = keyringOf([secretFor(hostOf(first)), secretFor(hostOf(other), 'other', 'secret')]);
    expect(await registry.digest(`${hostOf(first)}/app`, keyring)).toEqual({ type: 'digest', digest });
    expect(authorizations(first)).toEqual([undefined, basic('u', 'p')]);
    expect(authorizations(other)).toEqual([undefined]);
  });

  it('keep the login on the same host', async () => {
    const { server, host, registry } = await one((response, seen, count) => {
      if (seen.path.includes('/old/') && count > 1) to('/v2/new/manifests/1', 301)(response, seen, count);
      else wantsPassword(response, seen, count);
    });
    expect(await registry.digest(`${host}/old:1`, keyringOf([secretFor(host)]))).toEqual({ type: 'digest', digest });
    expect(authorizations(server).at(-1)).toBe(basic('u', 'p'));
  });

  it('do not send the login to another host that requests it', async () => {
    const other = await server((response, seen) => answer(response, 401, '', challengeOf(seen)));
    const first = await server((response, seen) => to(`${other.url}${seen.path}`)(response, seen, 0));
    const registry = registryFor([first, other]);
    const asked = await registry.digest(`${hostOf(first)}/app`, keyringOf([secretFor(hostOf(first))]));
    const reason = `${hostOf(other)} answered 401 Unauthorized`;
    expect(asked).toEqual({ type: 'unknown', reason, isDenied: true });
    expect(new Set(authorizations(other))).toEqual(new Set([undefined]));
    expect(asks(other).every((each) => each === 'HEAD /v2/app/manifests/latest')).toBe(true);
  });

  it('end after five', async () => {
    const { server, host, registry } = await one((response, seen) => to(seen.path)(response, seen, 0));
    const reason = `${host} redirected more than 5 times`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
    expect(server.received).toHaveLength(6);
  });

  it.each([
    '/admin',
    '/v2/../admin/manifests',
    'https://169.254.169.254/latest/meta-data',
    '',
    'http://[',
    'file:///etc/x',
  ])('to %j, which is no manifest, are not followed', async (location) => {
    const { server, host, registry } = await one(to(location));
    const reason = `${host} redirected to what is no manifest`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
    expect(server.received).toHaveLength(1);
  });

  it('to a link-local address or over http are not followed', async () => {
    const linkLocal = await one(to('https://169.254.169.254/v2/a/manifests/1'));
    expect(reasonOf(await linkLocal.registry.digest(`${linkLocal.host}/app`))).toMatch(
      /is an address that is not asked/,
    );
    const plain = await one(to('http://127.0.0.1:1/v2/a/manifests/1'));
    expect(reasonOf(await plain.registry.digest(`${plain.host}/app`))).toMatch(/over http/);
  });
});

describe('link-local addresses', () => {
  it('are not asked, by number or by name', async () => {
    const lookup: LookupFunction = (_hostname, _options, callback) =>
      callback(null, [{ address: '169.254.169.254', family: 4 }]);
    const registry = registryFor([], { lookup, insecure: ['metadata.example', '169.254.169.254'] });
    expect(await registry.digest('169.254.169.254/app')).toEqual({
      type: 'unknown',
      reason: '169.254.169.254 is an address that is not asked',
    });
    expect(await registry.digest('metadata.example/app')).toEqual({
      type: 'unknown',
      reason: `metadata.example ${unreachable}`,
    });
  });
});
