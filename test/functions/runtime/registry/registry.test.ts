import { createHash } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import type { LookupFunction } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Answer } from '../../../../functions/runtime/registry/answer.ts';
import { keyringOf } from '../../../../functions/runtime/registry/keyring.ts';
import {
  createRegistry,
  type Registry,
  type RegistryOptions,
} from '../../../../functions/runtime/registry/registry.ts';
import { answer, type Script, scriptedServer, type ScriptedServer, type Seen } from '../scripted-server.ts';

const open: { close: () => unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

const sha = (body: string) => `sha256:${createHash('sha256').update(body).digest('hex')}`;
const digest = sha('a');
const told = (value = digest): OutgoingHttpHeaders => ({ 'docker-content-digest': value });
const index = { 'content-type': 'application/vnd.oci.image.index.v1+json' };
const hostOf = ({ url }: ScriptedServer) => new URL(url).host;
const basic = (user: string, password: string) => `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
const secretFor = (host: string, user = 'u', password = 'p') =>
  JSON.stringify({ auths: { [host]: { username: user, password } } });

async function server(script: Script): Promise<ScriptedServer> {
  const started = await scriptedServer(script);
  open.push(started);
  return started;
}

/** All servers are http by configuration. */
function registryFor(servers: readonly ScriptedServer[], options: Partial<RegistryOptions> = {}): Registry {
  const insecure = servers.map(hostOf);
  const registry = createRegistry({ mirrors: {}, certificates: '', insecure, ...options });
  open.push(registry);
  return registry;
}

async function one(script: Script, options: Partial<RegistryOptions> = {}) {
  const started = await server(script);
  return { server: started, host: hostOf(started), registry: registryFor([started], options) };
}

const asks = ({ seen }: ScriptedServer) => seen.map(({ method, path }) => `${method} ${path}`);
const authorizations = ({ seen }: ScriptedServer) => seen.map(({ headers }) => headers.authorization);
const reasonOf = (told?: Answer) => (told?.type === 'unknown' ? told.reason : `none, it is ${JSON.stringify(told)}`);
const silent: Script = () => undefined;
const found: Script = (response) => answer(response, 200, '', told());

describe('digest', () => {
  it('is told by HEAD, of any of the four types that runtimes ask for', async () => {
    const { server, host, registry } = await one(found);
    expect(await registry.digest(`${host}/team/app:1`)).toEqual({ type: 'digest', digest });
    expect(asks(server)).toEqual(['HEAD /v2/team/app/manifests/1']);
    expect(server.seen[0]?.headers).toMatchObject({
      accept: [
        'application/vnd.oci.image.index.v1+json',
        'application/vnd.docker.distribution.manifest.list.v2+json',
        'application/vnd.oci.image.manifest.v1+json',
        'application/vnd.docker.distribution.manifest.v2+json',
      ].join(', '),
    });
    expect(server.seen[0]?.headers.authorization).toBeUndefined();
  });

  it('of a reference with one is that, and nobody is asked', async () => {
    const { server, host, registry } = await one(found);
    expect(await registry.digest(`${host}/app:1@${sha('b')}`)).toEqual({ type: 'digest', digest: sha('b') });
    expect(server.seen).toEqual([]);
  });

  it.each([
    ['tells none', 200, {}],
    ['tells what is none', 200, told('sha256:xyz')],
    ['has no HEAD', 405, {}],
    ['does not know HEAD', 501, {}],
  ])('is that of the manifest where a registry %s', async (_when, status, headers) => {
    const { server, host, registry } = await one((response, { method }) => {
      if (method === 'HEAD') answer(response, status, '', headers);
      else answer(response, 200, { manifests: [] }, index);
    });
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'digest', digest: sha('{"manifests":[]}') });
    expect(asks(server)).toEqual(['HEAD /v2/app/manifests/latest', 'GET /v2/app/manifests/latest']);
  });

  it.each([
    ['is too large', { ...index }, 'x'.repeat(4 * 1024 * 1024), / answered with more than 4194304 bytes$/],
    ['is a page', { 'content-type': 'text/html' }, 'log in', / answered with what is no manifest: type text\/html$/],
    ['has not the digest it told', { ...index, ...told() }, 'x', / has not the digest it told$/],
  ])('is unknown where what is sent %s', async (_when, headers, body, reason) => {
    const { host, registry } = await one((response, { method }) => {
      if (method === 'HEAD') answer(response, 405, '');
      else answer(response, 200, body, headers);
    });
    expect(reasonOf(await registry.digest(`${host}/app`))).toMatch(reason);
  });

  it.each([
    [403, ' answered 403 Forbidden'],
    [401, ' answered 401 Unauthorized'],
    [500, ' answered 500 Internal Server Error'],
    [503, ' answered 503 Service Unavailable'],
    [400, ' answered 400 Bad Request'],
  ])('is unknown where HEAD is answered %i', async (status, words) => {
    const { host, registry } = await one((response) => answer(response, status, ''));
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason: `${host}${words}` });
  });

  it('is unknown where nobody listens', async () => {
    const { server, host, registry } = await one(found);
    await server.close();
    expect(reasonOf(await registry.digest(`${host}/app`))).toContain(
      `${host} could not be asked: connect ECONNREFUSED`,
    );
  });

  it('is unknown for what is no reference', async () => {
    const { server, host, registry } = await one(found);
    const reason = 'this is not a reference that a registry can be asked for';
    expect(await registry.digest(`${host}/a/../../admin:1`)).toEqual({ type: 'unknown', reason });
    expect(server.seen).toEqual([]);
  });

  it('repeats of what a registry writes the first 200 printable characters', async () => {
    const { host, registry } = await one((response, { method }) => {
      if (method === 'HEAD') answer(response, 405, '');
      else response.writeHead(400, 'Whatever').end(`a\n\u001b[31m\0${'x'.repeat(5000)}`);
    });
    const reason = `${host} answered 400 Bad Request: a [31m ${'x'.repeat(200 - 7)}`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
  });

  it('is asked once by many at the same time, and anew afterwards', async () => {
    const { server, host, registry } = await one((response) => {
      setTimeout(() => answer(response, 200, '', told()), 50);
    });
    const both = await Promise.all([registry.digest(`${host}/app`), registry.digest(`${host}/app:latest`)]);
    expect(both).toEqual([
      { type: 'digest', digest },
      { type: 'digest', digest },
    ]);
    expect(server.seen).toHaveLength(1);
    await registry.digest(`${host}/app`);
    expect(server.seen).toHaveLength(2);
  });

  it('is not shared between those who have different secrets', async () => {
    const { server, host, registry } = await one(found);
    await Promise.all([registry.digest(`${host}/app`), registry.digest(`${host}/app`, keyringOf([secretFor(host)]))]);
    expect(server.seen).toHaveLength(2);
  });

  it('is asked for again where a kept connection was closed meanwhile, but not where a new one breaks', async () => {
    const { server, host, registry } = await one((response, _seen, count) => {
      if (count === 2 || count > 3) response.socket?.destroy();
      else answer(response, 200, '', { ...told(), 'content-length': 100 });
    });
    await registry.digest(`${host}/app:1`);
    await pause(50); // until the connection is kept
    expect(await registry.digest(`${host}/app:2`)).toEqual({ type: 'digest', digest });
    await pause(50);
    expect(server.seen.map(({ connection }) => connection)).toEqual([1, 1, 2]);
    expect(await registry.digest(`${host}/app:3`)).toMatchObject({ type: 'unknown' });
    expect(server.seen.map(({ connection }) => connection)).toEqual([1, 1, 2, 2, 3]);
  });

  it('is unknown once the registry is closed', async () => {
    const { host, registry } = await one(silent);
    const asked = registry.digest(`${host}/app`);
    registry.close();
    expect(await asked).toMatchObject({ type: 'unknown' });
    expect(await registry.digest(`${host}/app`)).toMatchObject({ type: 'unknown' });
  });
});

describe('absence', () => {
  it('is 404', async () => {
    const { host, registry } = await one((response) => answer(response, 404, ''));
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'absent' });
  });

  it.each(['MANIFEST_UNKNOWN', 'NAME_UNKNOWN'])('is %s, whatever the status', async (code) => {
    const { host, registry } = await one((response, { method }) => {
      answer(response, method === 'HEAD' ? 405 : 400, { errors: [{ code }] });
    });
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'absent' });
  });

  it('is not told by who refuses a login, even if the nameless see nothing', async () => {
    const { host, registry } = await one((response, { headers }) => {
      answer(response, headers.authorization === undefined ? 404 : 401, '');
    });
    expect(await registry.digest(`${host}/app`, keyringOf([secretFor(host)]))).toMatchObject({ type: 'unknown' });
  });

  it('is told only by the last login, as what one may not see another may', async () => {
    const { host, registry } = await one((response, { headers }) => {
      if (headers.authorization === basic('u', 'p')) answer(response, 200, '', told());
      else answer(response, 404, '');
    });
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'absent' });
    expect(await registry.digest(`${host}/app`, keyringOf([secretFor(host)]))).toEqual({ type: 'digest', digest });
  });
});

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
    if (/^Bearer t\d+$/.test(headers.authorization ?? '')) answer(response, 200, '', told());
    else answer(response, 401, '', challengeOf(seen));
  };
const challengeOf = ({ headers, path }: Seen): OutgoingHttpHeaders => {
  const scope = `repository:${/v2\/(.*)\/manifests/.exec(path)?.[1] ?? ''}:pull`;
  return { 'www-authenticate': `Bearer realm="http://${headers.host ?? ''}/token",service="test",scope="${scope}"` };
};
const wantsPassword: Script = (response, { headers }) => {
  if (headers.authorization === basic('u', 'p')) answer(response, 200, '', told());
  else answer(response, 401, '', { 'www-authenticate': 'Basic realm="test"' });
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

  it('replaces a token that the registry does not take any more', async () => {
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

  it('buys a token with a login where the nameless get none, and then asks by it at once', async () => {
    const { server, host, registry } = await one(bearer(true));
    const keyring = keyringOf([secretFor(host)]);
    expect(await registry.digest(`${host}/app`, keyring)).toEqual({ type: 'digest', digest });
    expect(authorizations(server)).toEqual([undefined, undefined, basic('u', 'p'), 'Bearer t3']);
    await registry.digest(`${host}/app`, keyring);
    expect(authorizations(server).slice(4)).toEqual(['Bearer t3']);
    const reason = `${host} answered 401 Unauthorized when asked for a token`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
  });

  it.each([[{ token: 'a\r\nx: y' }], [{ token: 7 }], [{}], ['x']])('takes %j for no token', async (body) => {
    const { host, registry } = await one((response, seen) => {
      if (seen.path.startsWith('/token')) answer(response, 200, body);
      else answer(response, 401, '', challengeOf(seen));
    });
    const reason = `${host} answered with what is no token`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
  });

  it('shows a password where one is wanted', async () => {
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
    expect(server.seen).toHaveLength(5);
  });

  it('without a secret is unknown, and with a wrong one too, which is nowhere in the reason', async () => {
    const { host, registry } = await one(wantsPassword);
    const unknown = { type: 'unknown', reason: `${host} answered 401 Unauthorized` };
    expect(await registry.digest(`${host}/app`)).toEqual(unknown);
    expect(await registry.digest(`${host}/app`, keyringOf([secretFor(host, 'u', 'wrong')]))).toEqual(unknown);
  });

  it.each(['Basic', 'Bearer'])(
    'repeats no word of who was shown a login, as it might repeat that: %s',
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

  it('shows no secret of another registry', async () => {
    const { server, host, registry } = await one(wantsPassword);
    await registry.digest(`${host}/app`, keyringOf([secretFor('127.0.0.1:1'), secretFor(`${host}/other`)]));
    expect(authorizations(server)).toEqual([undefined]);
  });

  it('does not go to a token server over http that no setting names', async () => {
    const other = await server(bearer(false));
    const realm = { 'www-authenticate': `Bearer realm="${other.url}/token"` };
    const { host, registry } = await one((response) => answer(response, 401, '', realm));
    const reason = `${hostOf(other)} would have to be asked over http: REGISTRY_INSECURE has to name it for that`;
    expect(await registry.digest(`${host}/app`, keyringOf([secretFor(host)]))).toEqual({ type: 'unknown', reason });
    expect(other.seen).toEqual([]);
  });

  it('does not go to a link-local token server', async () => {
    const realm = { 'www-authenticate': 'Bearer realm="https://169.254.169.254/token"' };
    const { host, registry } = await one((response) => answer(response, 401, '', realm));
    const reason = '169.254.169.254 is a link-local address, and is not asked';
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
  });
});

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

  it('give the login to no host that is redirected to and asks for it', async () => {
    const other = await server((response, seen) => answer(response, 401, '', challengeOf(seen)));
    const first = await server((response, seen) => to(`${other.url}${seen.path}`)(response, seen, 0));
    const registry = registryFor([first, other]);
    const asked = await registry.digest(`${hostOf(first)}/app`, keyringOf([secretFor(hostOf(first))]));
    expect(asked).toEqual({ type: 'unknown', reason: `${hostOf(other)} answered 401 Unauthorized` });
    expect(new Set(authorizations(other))).toEqual(new Set([undefined]));
    expect(asks(other).every((each) => each === 'HEAD /v2/app/manifests/latest')).toBe(true);
  });

  it('end after five', async () => {
    const { server, host, registry } = await one((response, seen) => to(seen.path)(response, seen, 0));
    const reason = `${host} redirected more than 5 times`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
    expect(server.seen).toHaveLength(6);
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
    expect(server.seen).toHaveLength(1);
  });

  it('to a link-local address or over http are not followed', async () => {
    const linkLocal = await one(to('https://169.254.169.254/v2/a/manifests/1'));
    expect(reasonOf(await linkLocal.registry.digest(`${linkLocal.host}/app`))).toMatch(/link-local/);
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
      reason: '169.254.169.254 is a link-local address, and is not asked',
    });
    expect(await registry.digest('metadata.example/app')).toEqual({
      type: 'unknown',
      reason: 'metadata.example could not be asked: metadata.example has a link-local address, and is not asked',
    });
  });
});

describe('a busy registry', () => {
  it.each([
    [429, '30', 30_000],
    [503, '7', 7000],
    [429, undefined, 60_000],
    [429, '999999999', 3_600_000],
  ])('that answers %i with Retry-After %s is left alone for %i ms, and then asked again', async (status, after, ms) => {
    let now = Date.now();
    const { server, host, registry } = await one(
      (response, _seen, count) => {
        if (count === 1) answer(response, status, '', after === undefined ? {} : { 'retry-after': after });
        else answer(response, 200, '', told());
      },
      { now: () => now },
    );
    const words = `${host} answered ${status} ${status === 429 ? 'Too Many Requests' : 'Service Unavailable'}`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason: words, retryAfterMs: ms });
    now += ms - 1000;
    const left = { type: 'unknown', reason: `${words}, and is left alone for 1 s`, retryAfterMs: 1000 };
    expect(await registry.digest(`${host}/other`)).toEqual(left);
    expect(server.seen).toHaveLength(1);
    now += 1000;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'digest', digest });
  });

  it('is not asked by those who stand in line when it says so', async () => {
    const { server, host, registry } = await one((response) => answer(response, 429, '', { 'retry-after': '30' }));
    const names = Array.from({ length: 12 }, (_, number) => `${host}/app:${number}`);
    const told = await Promise.all(names.map((name) => registry.digest(name)));
    expect(told.every((each) => each.type === 'unknown' && each.retryAfterMs !== undefined)).toBe(true);
    expect(server.seen.length).toBeLessThanOrEqual(4);
  });

  it('does not make another one rest', async () => {
    const busy = await server((response) => answer(response, 429, '', { 'retry-after': '30' }));
    const other = await server(found);
    const registry = registryFor([busy, other]);
    await registry.digest(`${hostOf(busy)}/app`);
    expect(await registry.digest(`${hostOf(other)}/app`)).toEqual({ type: 'digest', digest });
  });

  it('is asked four things at once, and all of them sixteen', async () => {
    let [running, most] = [0, 0];
    const script: Script = (response) => {
      running += 1;
      most = Math.max(most, running);
      setTimeout(() => {
        running -= 1;
        answer(response, 200, '', told());
      }, 40);
    };
    const servers = await Promise.all(Array.from({ length: 5 }, () => server(script)));
    const registry = registryFor(servers);
    const names = Array.from({ length: 8 }, (_, number) => `app:${number}`);
    const askAll = (some: readonly ScriptedServer[]) =>
      Promise.all(some.flatMap((each) => names.map((name) => registry.digest(`${hostOf(each)}/${name}`))));
    await askAll(servers.slice(0, 1));
    expect(most).toBe(4);
    await askAll(servers);
    expect(most).toBe(16);
  });
});

describe('a hanging registry', () => {
  it('is given up in time, while another one answers', async () => {
    const hanging = await server(silent);
    const other = await server(found);
    const registry = registryFor([hanging, other], { callTimeout: 1000 });
    const began = performance.now();
    let ended = 0;
    const ask = async (number: number) => {
      const told = await registry.digest(`${hostOf(hanging)}/app:${number}`);
      ended += 1;
      return told;
    };
    const asked = Array.from({ length: 20 }, (_, number) => ask(number));
    expect(await registry.digest(`${hostOf(other)}/app`)).toEqual({ type: 'digest', digest });
    expect(ended).toBe(0);
    const answers = await Promise.all(asked);
    expect(answers.every(({ type }) => type === 'unknown')).toBe(true);
    expect(performance.now() - began).toBeLessThan(3500);
    expect(answers[0]).toEqual({ type: 'unknown', reason: `${hostOf(hanging)}: no answer within 1000 ms` });
    // The fourth silence ends it; until then the first three have let three more in.
    expect(hanging.seen.length).toBeLessThanOrEqual(7);
    expect(reasonOf(answers[19])).toMatch(/is left alone for 30 s$/);
    expect(answers[19]).toHaveProperty('retryAfterMs');
  });

  it('is given up in the middle of an answer too', async () => {
    const { host, registry } = await one(
      (response, { method }) => {
        if (method === 'HEAD') answer(response, 405, '');
        else response.writeHead(200, index).write('{');
      },
      { callTimeout: 200 },
    );
    const reason = `${host}: no answer within 200 ms`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
  });

  it('gets no more time for one image than all its calls may take together', async () => {
    const { server, host, registry } = await one(
      (response, seen) => {
        setTimeout(() => answer(response, 307, '', { location: seen.path }), 240);
      },
      { callTimeout: 400, imageTimeout: 600 },
    );
    const began = performance.now();
    expect(reasonOf(await registry.digest(`${host}/app`))).toMatch(/^127.*no answer within/);
    expect(performance.now() - began).toBeLessThan(900);
    expect(server.seen).toHaveLength(3);
  });

  it('lets nobody stand in line for ever', async () => {
    const { host, registry } = await one(silent, { perHost: 1, callTimeout: 2000, lineTimeout: 100 });
    const first = registry.digest(`${host}/app:1`);
    const reason = `the turn to ask ${host} did not come within 100 ms`;
    expect(await registry.digest(`${host}/app:2`)).toEqual({ type: 'unknown', reason });
    registry.close();
    await first;
  });
});

describe('mirrors', () => {
  const origin: Script = (response) => answer(response, 200, '', told(sha('origin')));
  const setUp = async (mirrorScript: Script, options: Partial<RegistryOptions> = {}) => {
    const [mirror, registryServer] = [await server(mirrorScript), await server(origin)];
    const host = hostOf(registryServer);
    const registry = registryFor([registryServer], { mirrors: { [host]: [`${mirror.url}/hub`] }, ...options });
    return { mirror, origin: registryServer, host, registry };
  };

  it('are asked first, and then nobody else', async () => {
    const { mirror, origin, host, registry } = await setUp(found);
    expect(await registry.digest(`${host}/app:1`)).toEqual({ type: 'digest', digest });
    expect(asks(mirror)).toEqual([`HEAD /v2/hub/app/manifests/1?ns=${encodeURIComponent(host)}`]);
    expect(origin.seen).toEqual([]);
  });

  it.each<[string, Script]>([
    ['lacks the image', (response) => answer(response, 404, '')],
    ['refuses', (response) => answer(response, 403, '')],
    ['fails', (response) => answer(response, 500, '')],
    ['is busy', (response) => answer(response, 429, '', { 'retry-after': '30' })],
    ['hangs', silent],
  ])('leave it to the registry where one %s', async (_when, script) => {
    const { host, registry } = await setUp(script, { callTimeout: 300 });
    for (const tag of ['1', '2']) {
      expect(await registry.digest(`${host}/app:${tag}`)).toEqual({ type: 'digest', digest: sha('origin') });
    }
  });

  it('get no secret of the registry, and their own', async () => {
    const { mirror, host, registry } = await setUp(wantsPassword);
    await registry.digest(`${host}/app:1`, keyringOf([secretFor(host, 'mine', 'alone')]));
    expect(authorizations(mirror)).toEqual([undefined]);
    const own = keyringOf([secretFor(hostOf(mirror))]);
    expect(await registry.digest(`${host}/app:1`, own)).toEqual({ type: 'digest', digest });
  });
});
