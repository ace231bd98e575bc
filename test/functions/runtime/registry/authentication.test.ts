import { describe, expect, it } from 'vitest';
import { keyringOf } from '#runtime/registry/keyring.ts';
import { answer, type Script } from '../../../support/scripted-server.ts';
import {
  digest,
  digestHeader,
  hostOf,
  basic,
  secretFor,
  server,
  one,
  asks,
  authorizations,
  reasonOf,
  challengeOf,
  wantsPassword,
} from '../../../support/registry/registry-client.ts';
import { challengeIn } from '../../../../functions/runtime/registry/authentication.ts';

/** Wants tokens, which it gives to everybody, or only to u with password p. */
const bearer =
  (isPrivate: boolean, life: object = { expires_in: 300 }): Script =>
  (response, seen, count) => {
    const { headers, path } = seen;
    if (path.startsWith('/token')) {
      if (isPrivate && headers.authorization !== basic('u', 'p')) answer(response, 401, { details: 'no' });
      else answer(response, 200, { token: `t${count}`, ...life });
      return;
    }
    if (/^Bearer t\d+$/.test(headers.authorization ?? '')) answer(response, 200, '', digestHeader());
    else answer(response, 401, '', challengeOf(seen));
  };

describe('authentication', () => {
  it('gets a token without a login, and uses it for the repository until it expires', async () => {
    let now = Date.now();
    const { server, host, registry } = await one(bearer(false), { now: () => now });
    for (const tag of ['1', '2']) await registry.digest(`${host}/app:${tag}`);
    const token = 'GET /token?service=test&scope=repository%3Aapp%3Apull';
    const all = ['HEAD /v2/app/manifests/1', token, 'HEAD /v2/app/manifests/1', 'HEAD /v2/app/manifests/2'];
    expect(asks(server)).toEqual(all);
    expect(authorizations(server)).toEqual([undefined, undefined, 'Bearer t2', 'Bearer t2']);
    now += 299_000;
    expect(await registry.digest(`${host}/app:3`)).toEqual({ type: 'digest', digest });
    expect(asks(server).slice(4)).toEqual([token, 'HEAD /v2/app/manifests/3']);
  });

  it('gets one token for several tags that are asked for at the same time, and another for another repository', async () => {
    const { server, host, registry } = await one(bearer(false));
    await Promise.all(['app:1', 'app:2', 'app:3', 'other:1'].map((name) => registry.digest(`${host}/${name}`)));
    expect(asks(server).filter((each) => each.startsWith('GET /token'))).toHaveLength(2);
  });

  it('replaces a token that the registry no longer accepts', async () => {
    let revoked = '';
    const { server, host, registry } = await one((response, seen, count) => {
      if (seen.headers.authorization === revoked) answer(response, 401, '', challengeOf(seen));
      else bearer(false)(response, seen, count);
    });
    await registry.digest(`${host}/app`);
    revoked = 'Bearer t2';
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'digest', digest });
    expect(authorizations(server).at(-1)).toBe('Bearer t5');
  });

  it('gets a token with a login if anonymous requests are denied, and then uses it at once', async () => {
    const { server, host, registry } = await one(bearer(true));
    const keyring = keyringOf([secretFor(host)]);
    expect(await registry.digest(`${host}/app`, keyring)).toEqual({ type: 'digest', digest });
    expect(authorizations(server)).toEqual([undefined, undefined, basic('u', 'p'), 'Bearer t3']);
    await registry.digest(`${host}/app`, keyring);
    expect(authorizations(server).slice(4)).toEqual(['Bearer t3']);
    const reason = `${host} answered 401 Unauthorized when asked for a token`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason, isDenied: true });
  });

  it.each([[{ token: 'a\r\nx: y' }], [{ token: 7 }], [{}], ['x']])('refuses %j as token', async (body) => {
    const { host, registry } = await one((response, seen) => {
      if (seen.path.startsWith('/token')) answer(response, 200, body);
      else answer(response, 401, '', challengeOf(seen));
    });
    const reason = `${host} answered with what is no token`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
  });

  it('sends a password if the registry requires one', async () => {
    const { server, host, registry } = await one(wantsPassword);
    const keyring = keyringOf([secretFor(host)]);
    for (const tag of ['1', '2']) {
      expect(await registry.digest(`${host}/app:${tag}`, keyring)).toEqual({ type: 'digest', digest });
    }
    expect(authorizations(server)).toEqual([undefined, basic('u', 'p'), basic('u', 'p')]);
  });

  it('tries every secret that is for the image', async () => {
    const { server, host, registry } = await one(wantsPassword);
    const keyring = keyringOf([secretFor(host, 'u', 'old'), secretFor(host), secretFor('elsewhere.example')]);
    expect(await registry.digest(`${host}/app`, keyring)).toEqual({ type: 'digest', digest });
    expect(authorizations(server)).toEqual([undefined, basic('u', 'old'), basic('u', 'p')]);
  });

  it('tries no more than four secrets', async () => {
    const { server, host, registry } = await one(wantsPassword);
    const keyring = keyringOf(['1', '2', '3', '4', '5'].map((password) => secretFor(host, 'u', password)));
    expect(await registry.digest(`${host}/app`, keyring)).toMatchObject({ type: 'unknown' });
    expect(server.received).toHaveLength(5);
  });

  it('without a secret or with a wrong one is unknown, with no secret in the reason', async () => {
    const { host, registry } = await one(wantsPassword);
    const unknown = { type: 'unknown', reason: `${host} answered 401 Unauthorized`, isDenied: true };
    expect(await registry.digest(`${host}/app`)).toEqual(unknown);
    expect(await registry.digest(`${host}/app`, keyringOf([secretFor(host, 'u', 'wrong')]))).toEqual(unknown);
  });

  it.each(['Basic', 'Bearer'])(
    'omits the message of a server that was sent a login, as it may quote the login: %s',
    async (scheme) => {
      const { server, host, registry } = await one((response, seen) => {
        const { authorization } = seen.headers;
        const challenge = scheme === 'Bearer' ? challengeOf(seen) : { 'www-authenticate': 'Basic realm="test"' };
        if (authorization === undefined) answer(response, 401, '', seen.path.startsWith('/token') ? {} : challenge);
        else if (seen.method === 'HEAD') answer(response, 405, '');
        else answer(response, 400, { errors: [{ message: `who is ${authorization}?` }] });
      });
      const reason = reasonOf(await registry.digest(`${host}/app`, keyringOf([secretFor(host, 'u', 'hunter2')])));
      expect(reason).toContain(`${host} answered 400 Bad Request`);
      expect(reason).not.toContain('who is');
      expect(authorizations(server)).toContain(basic('u', 'hunter2'));
    },
  );

  it('sends no secret of another registry', async () => {
    const { server, host, registry } = await one(wantsPassword);
    await registry.digest(`${host}/app`, keyringOf([secretFor('127.0.0.1:1'), secretFor(`${host}/other`)]));
    expect(authorizations(server)).toEqual([undefined]);
  });

  it('does not use a token server over http that is not configured', async () => {
    const other = await server(bearer(false));
    const realm = { 'www-authenticate': `Bearer realm="${other.url}/token"` };
    const { host, registry } = await one((response) => answer(response, 401, '', realm));
    const reason = `${hostOf(other)} would have to be asked over http: REGISTRY_INSECURE has to name it for that`;
    expect(await registry.digest(`${host}/app`, keyringOf([secretFor(host)]))).toEqual({ type: 'unknown', reason });
    expect(other.received).toEqual([]);
  });

  it('does not use a link-local token server', async () => {
    const realm = { 'www-authenticate': 'Bearer realm="https://169.254.169.254/token"' };
    const { host, registry } = await one((response) => answer(response, 401, '', realm));
    const reason = '169.254.169.254 is an address that is not asked';
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
  });
});

const bearerOf = (realm: string, service: string, scope: string) => ({
  scheme: 'bearer',
  registry: 'r.io',
  realm: new URL(realm),
  service,
  scope,
});

describe('challengeIn', () => {
  it.each([
    [
      ['Bearer realm="https://auth.example.com/token?a=b",service="r.io",scope="repository:me/x:pull,push"'],
      bearerOf('https://auth.example.com/token?a=b', 'r.io', 'repository:me/x:pull,push'),
    ],
    [['bearer realm="https://a/t"'], bearerOf('https://a/t', '', 'repository:me/x:pull')],
    [['Bearer realm="https://a/t",scope=""'], bearerOf('https://a/t', '', 'repository:me/x:pull')],
    [['Basic realm="lab"'], { scheme: 'basic' }],
    [['Basic realm="lab"', 'Bearer realm="https://a/t",scope="aws"'], bearerOf('https://a/t', '', 'aws')],
    [
      ['Basic realm="lab", Bearer realm="https://a/t",service="s"'],
      bearerOf('https://a/t', 's', 'repository:me/x:pull'),
    ],
    [['Negotiate', 'Basic realm="lab"'], { scheme: 'basic' }],
    [['Bearer realm="/token"'], undefined],
    [['Bearer error="invalid_token"'], undefined],
    [['Negotiate'], undefined],
    [[''], undefined],
    [[], undefined],
  ])('of %j is %j', (headers, expected) => {
    expect(challengeIn(headers, { manifest: new URL('https://r.io/v2/'), repository: 'me/x' })).toEqual(expected);
  });
});
