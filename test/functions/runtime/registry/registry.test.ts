import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { unreachable } from '#runtime/registry/send-request.ts';
import { keyringOf } from '#runtime/registry/keyring.ts';
import { type RegistryOptions } from '#runtime/registry/registry.ts';
import { answer, type Script } from '../../../support/scripted-server.ts';
import {
  sha,
  digest,
  digestHeader,
  index,
  hostOf,
  basic,
  secretFor,
  server,
  registryFor,
  one,
  asks,
  authorizations,
  reasonOf,
  silent,
  found,
  wantsPassword,
} from '../../../support/registry/registry-client.ts';

describe('digest', () => {
  it('is resolved by HEAD, for any of the four types that runtimes accept', async () => {
    const { server, host, registry } = await one(found);
    expect(await registry.digest(`${host}/team/app:1`)).toEqual({ type: 'digest', digest });
    expect(asks(server)).toEqual(['HEAD /v2/team/app/manifests/1']);
    expect(server.received[0]?.headers).toMatchObject({
      accept: [
        'application/vnd.oci.image.index.v1+json',
        'application/vnd.docker.distribution.manifest.list.v2+json',
        'application/vnd.oci.image.manifest.v1+json',
        'application/vnd.docker.distribution.manifest.v2+json',
      ].join(', '),
    });
    expect(server.received[0]?.headers.authorization).toBeUndefined();
  });

  it('is that of the reference if it has one, without a request', async () => {
    const { server, host, registry } = await one(found);
    expect(await registry.digest(`${host}/app:1@${sha('b')}`)).toEqual({ type: 'digest', digest: sha('b') });
    expect(server.received).toEqual([]);
  });

  it.each([
    ['sends none', 200, {}],
    ['sends an invalid one', 200, digestHeader('sha256:xyz')],
    ['has no HEAD', 405, {}],
    ['does not know HEAD', 501, {}],
  ])('is that of the manifest if a registry %s', async (_when, status, headers) => {
    const { server, host, registry } = await one((response, { method }) => {
      if (method === 'HEAD') answer(response, status, '', headers);
      else answer(response, 200, { manifests: [] }, index);
    });
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'digest', digest: sha('{"manifests":[]}') });
    expect(asks(server)).toEqual(['HEAD /v2/app/manifests/latest', 'GET /v2/app/manifests/latest']);
  });

  it.each([
    ['is too large', { ...index }, 'x'.repeat(4 * 1024 * 1024), / answered with more than 4194304 bytes$/],
    ['is a page', { 'content-type': 'text/html' }, 'log in', / answered with what is no manifest$/],
    [
      'does not have the digest it reported',
      { ...index, ...digestHeader() },
      'x',
      / does not have the digest it reported$/,
    ],
  ])('is unknown if the manifest %s', async (_when, headers, body, reason) => {
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
  ])('is unknown if HEAD is answered %i', async (status, words) => {
    const { host, registry } = await one((response) => answer(response, status, ''));
    const denial = [401, 403].includes(status) ? { isDenied: true } : {};
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason: `${host}${words}`, ...denial });
  });

  it('is unknown if the connection is refused', async () => {
    const { server, host, registry } = await one(found);
    await server.close();
    expect(reasonOf(await registry.digest(`${host}/app`))).toBe(`${host} ${unreachable}`);
  });

  it('is unknown for an invalid reference', async () => {
    const { server, host, registry } = await one(found);
    const reason = 'this is not a reference that a registry can be asked for';
    expect(await registry.digest(`${host}/a/../../admin:1`)).toEqual({ type: 'unknown', reason });
    expect(server.received).toEqual([]);
  });

  it("does not quote a registry's message", async () => {
    const { host, registry } = await one((response, { method }) => {
      if (method === 'HEAD') answer(response, 405, '');
      else response.writeHead(400, 'Whatever').end(`a\n\u001b[31m\0${'x'.repeat(5000)}`);
    });
    const reason = `${host} answered 400 Bad Request`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
  });

  it('is requested once by concurrent callers, and again afterwards', async () => {
    const { server, host, registry } = await one((response) => {
      setTimeout(() => answer(response, 200, '', digestHeader()), 50);
    });
    const both = await Promise.all([registry.digest(`${host}/app`), registry.digest(`${host}/app:latest`)]);
    expect(both).toEqual([
      { type: 'digest', digest },
      { type: 'digest', digest },
    ]);
    expect(server.received).toHaveLength(1);
    await registry.digest(`${host}/app`);
    expect(server.received).toHaveLength(2);
  });

  it('is not shared between callers with different secrets', async () => {
    const { server, host, registry } = await one(found);
    await Promise.all([registry.digest(`${host}/app`), registry.digest(`${host}/app`, keyringOf([secretFor(host)]))]);
    expect(server.received).toHaveLength(2);
  });

  it('is requested again if a kept-alive connection was closed, but not if a new one breaks', async () => {
    const { server, host, registry } = await one((response, _seen, count) => {
      if (count === 2 || count > 3) response.socket?.destroy();
      else answer(response, 200, '', { ...digestHeader(), 'content-length': 100 });
    });
    await registry.digest(`${host}/app:1`);
    await pause(50); // until the connection is kept
    expect(await registry.digest(`${host}/app:2`)).toEqual({ type: 'digest', digest });
    await pause(50);
    expect(server.received.map(({ connection }) => connection)).toEqual([1, 1, 2]);
    expect(await registry.digest(`${host}/app:3`)).toMatchObject({ type: 'unknown' });
    expect(server.received.map(({ connection }) => connection)).toEqual([1, 1, 2, 2, 3]);
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

  it('is not reported if a login is denied, even if anonymous requests get 404', async () => {
    const { host, registry } = await one((response, { headers }) => {
      answer(response, headers.authorization === undefined ? 404 : 401, '');
    });
    expect(await registry.digest(`${host}/app`, keyringOf([secretFor(host)]))).toMatchObject({ type: 'unknown' });
  });

  it('is reported only after the last login, as another may have access', async () => {
    const { host, registry } = await one((response, { headers }) => {
      if (headers.authorization === basic('u', 'p')) answer(response, 200, '', digestHeader());
      else answer(response, 404, '');
    });
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'absent' });
    expect(await registry.digest(`${host}/app`, keyringOf([secretFor(host)]))).toEqual({ type: 'digest', digest });
  });
});

describe('mirrors', () => {
  const origin: Script = (response) => answer(response, 200, '', digestHeader(sha('origin')));
  const setUp = async (mirrorScript: Script, options: Partial<RegistryOptions> = {}) => {
    const [mirror, registryServer] = [await server(mirrorScript), await server(origin)];
    const host = hostOf(registryServer);
    const registry = registryFor([registryServer], { mirrors: { [host]: [`${mirror.url}/hub`] }, ...options });
    return { mirror, origin: registryServer, host, registry };
  };

  it('are asked first, and then no other', async () => {
    const { mirror, origin, host, registry } = await setUp(found);
    expect(await registry.digest(`${host}/app:1`)).toEqual({ type: 'digest', digest });
    expect(asks(mirror)).toEqual([`HEAD /v2/hub/app/manifests/1?ns=${encodeURIComponent(host)}`]);
    expect(origin.received).toEqual([]);
  });

  it.each<[string, Script]>([
    ['lacks the image', (response) => answer(response, 404, '')],
    ['refuses', (response) => answer(response, 403, '')],
    ['fails', (response) => answer(response, 500, '')],
    ['is busy', (response) => answer(response, 429, '', { 'retry-after': '30' })],
    ['hangs', silent],
  ])('leave it to the registry if one %s', async (_when, script) => {
    const { host, registry } = await setUp(script, { callTimeout: 300 });
    for (const tag of ['1', '2']) {
      expect(await registry.digest(`${host}/app:${tag}`)).toEqual({ type: 'digest', digest: sha('origin') });
    }
  });

  it('get their own secrets, and none of the registry', async () => {
    const { mirror, host, registry } = await setUp(wantsPassword);
    await registry.digest(`${host}/app:1`, keyringOf([secretFor(host, 'mine', 'alone')]));
    expect(authorizations(mirror)).toEqual([undefined]);
    const own = keyringOf([secretFor(hostOf(mirror))]);
    expect(await registry.digest(`${host}/app:1`, own)).toEqual({ type: 'digest', digest });
  });
});

describe('an anonymous pull', () => {
  it.each([
    { when: 'the registry resolves the image', status: 200, headers: digestHeader(), is: 'Allowed' },
    { when: 'it denies it', status: 401, headers: {}, is: 'Denied' },
    { when: 'it forbids it', status: 403, headers: {}, is: 'Denied' },
    { when: 'it does not have it, or hides it', status: 404, headers: {}, is: undefined },
    { when: 'it limits requests', status: 429, headers: {}, is: undefined },
    { when: 'it has an error', status: 500, headers: {}, is: undefined },
  ])('is $is if $when', async ({ status, headers, is }) => {
    const { host, registry } = await one((response) => answer(response, status, '', headers));
    expect(await registry.anonymousPull(`${host}/app:1`)).toBe(is);
    expect(await registry.anonymousPull(`${host}/app@sha256:${'1'.repeat(64)}`)).toBe(is);
  });

  it('sends no login, also after one was accepted', async () => {
    const { server, host, registry } = await one(wantsPassword);
    expect(await registry.digest(`${host}/app:1`, keyringOf([secretFor(host)]))).toEqual({ type: 'digest', digest });
    const sent = authorizations(server).length;
    expect(await registry.anonymousPull(`${host}/app:1`)).toBe('Denied');
    expect(authorizations(server).slice(sent)).toEqual([undefined]);
  });
});
