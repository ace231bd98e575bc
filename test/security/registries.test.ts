import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { unreachable } from '#runtime/registry/send-request.ts';
import { reconcile } from '../../functions/reconcile.ts';
import { aCache, changed, scene } from '../functions/scene.ts';
import { inMemoryRegistry } from '../support/registry/in-memory-registry.ts';
import { answer } from '../support/scripted-server.ts';
import { digest, found, hostOf, reasonOf, registryFor, server, silent } from '../support/registry/registry-client.ts';

describe('a tenant with registries of its own', () => {
  it('has few of 15,000 untagged images asked for at once, and a thousand in all (attack 4)', async () => {
    const images = Array.from({ length: 15_000 }, (_, number) => `registry.example/app-${number}`);
    let [asked, pending, most] = [0, 0, 0];
    const digestOf = async (): Promise<{ type: 'digest'; digest: string }> => {
      [asked, pending] = [asked + 1, pending + 1];
      most = Math.max(most, pending);
      await pause(1);
      pending -= 1;
      return { type: 'digest', digest };
    };
    const on = scene();
    on.nodes('a');
    on.cache({ cacheSpec: [{ images }] });
    await reconcile(changed(aCache), { ...on.context, registry: { ...inMemoryRegistry(), digest: digestOf } });
    expect([asked, most]).toEqual([1000, 64]);
    expect(on.live().status.nodes['a']?.state).toBe('Pulling');
  });

  it('keeps no other namespace from answers by 300 registries that are slow (attack 12)', async () => {
    const [slow, honest] = [await server(silent), await server(found)];
    const port = new URL(slow.url).port;
    const hosts = Array.from({ length: 300 }, (_, number) => `slow-${number}.example:${port}`);
    const registry = registryFor([slow, honest], {
      insecure: [hostOf(honest), ...hosts],
      lookup: (_host, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]),
    });
    let ended = 0;
    for (const host of hosts)
      for (const tag of ['1', '2', '3', '4'])
        void registry.digest(`${host}/app:${tag}`, [], 'attacker').finally(() => (ended += 1));
    await pause(100);
    expect(await registry.digest(`${hostOf(honest)}/app`, [], 'neighbour')).toEqual({ type: 'digest', digest });
    expect(ended).toBe(0);
  });

  it('keeps no other namespace from a registry that it made answer 429 for an hour', async () => {
    const busy = await server((response, request, count) =>
      request.path.includes('/attack/')
        ? answer(response, 429, '', { 'retry-after': '3600' })
        : found(response, request, count),
    );
    const registry = registryFor([busy]);
    const attack = await registry.digest(`${hostOf(busy)}/attack/app`, [], 'attacker');
    expect(attack).toMatchObject({ type: 'unknown', retryAfterMs: 3_600_000 });
    expect(await registry.digest(`${hostOf(busy)}/app`, [], 'neighbour')).toEqual({ type: 'digest', digest });
    expect(reasonOf(await registry.digest(`${hostOf(busy)}/app`, [], 'attacker'))).toContain('left alone');
  });

  it('reads no answer of a host that its registry names as token server (attack 13)', async () => {
    const internal = await server((response) => answer(response, 500, 'internal words'));
    const evil = await server((response) =>
      answer(response, 401, '', { 'www-authenticate': `Bearer realm="${internal.url}/admin",service="x"` }),
    );
    const reason = reasonOf(await registryFor([evil, internal]).digest(`${hostOf(evil)}/app`));
    expect(reason).toBe(`${hostOf(internal)} answered 500 Internal Server Error when asked for a token`);
  });

  it('reads no answer of a host that its registry redirects to', async () => {
    const internal = await server((response, { method }) =>
      method === 'HEAD'
        ? answer(response, 405, '')
        : answer(response, 200, 'x', { 'content-type': 'text/internal-words' }),
    );
    const refusing = await server((response) => answer(response, 403, 'internal words'));
    for (const target of [internal, refusing]) {
      const evil = await server((response) =>
        answer(response, 307, '', { location: `${target.url}/v2/a/manifests/latest` }),
      );
      const reason = reasonOf(await registryFor([evil, target]).digest(`${hostOf(evil)}/app`));
      expect(reason).toContain(hostOf(target));
      expect(reason).not.toMatch(/internal.words/);
    }
  });

  it('has an isolated tenant reach no host that the registry redirects to or names as token server', async () => {
    const elsewhere = await server(found);
    const evil = await server((response, { path }) =>
      path.includes('/token/')
        ? answer(response, 401, '', { 'www-authenticate': `Bearer realm="${elsewhere.url}/token",service="x"` })
        : answer(response, 307, '', { location: `${elsewhere.url}/v2/a/manifests/latest` }),
    );
    const registry = registryFor([evil, elsewhere], { isIsolated: true });
    for (const image of ['app', 'token/app'])
      expect(reasonOf(await registry.digest(`${hostOf(evil)}/${image}`))).toBe(
        'the registry refers to another host, which TENANCY does not allow to ask',
      );
    expect(evil.received).toHaveLength(2);
    expect(elsewhere.received).toEqual([]);
    expect(await registry.digest(`${hostOf(elsewhere)}/app`)).toEqual({ type: 'digest', digest });
  });

  it('learns nothing about ports by images that name them: what cannot be reached has one reason (red team 2, attack 8)', async () => {
    const [closed, plain, hanging] = [await server(found), await server(found), await server(silent)];
    await closed.close();
    const unreached: string[] = [];
    const registry = registryFor([], {
      lookup: (host, _options, callback) =>
        host === 'absent.example'
          ? callback(new Error('getaddrinfo ENOTFOUND absent.example'), '', 0)
          : callback(null, [{ address: host === 'own.example' ? '127.0.0.1' : '10.255.255.1', family: 4 }]),
      insecure: [hostOf(closed), hostOf(hanging)],
      mirrors: { 'plain.example': [`https://${hostOf(plain)}`] },
      onUnreached: (host, reason) => unreached.push(`${host}: ${reason}`),
      callTimeout: 300,
    });
    const hosts = ['absent.example', 'own.example', 'private.example', ...[closed, plain, hanging].map(hostOf)];
    for (const host of hosts)
      expect(reasonOf(await registry.digest(`${host}/app`)), host).toBe(`${host} ${unreachable}`);
    expect(unreached.map((each) => each.replace(/:\d+/g, ''))).toEqual([
      'absent.example: getaddrinfo ENOTFOUND absent.example',
      'own.example: own.example has an address that is not asked',
      // Depends on the network: a private address is asked.
      expect.not.stringContaining('an address that is not asked'),
      '127.0.0.1: connect ECONNREFUSED 127.0.0.1',
      expect.stringMatching(/^127.0.0.1: .*(wrong version number|packet length too long)/),
      '127.0.0.1: no answer within 300 ms',
    ]);
    await registry.digest(`absent.example/other`);
    expect(unreached).toHaveLength(6);
  });

  it('has no address of the functions asked: not of their Pod, nor of metadata', async () => {
    const internal = await server(found);
    const registry = registryFor([]);
    const { port } = new URL(internal.url);
    const own = ['127.0.0.1', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]', '[64:ff9b::127.0.0.1]'];
    for (const address of [...own, '169.254.169.254', '[64:ff9b::169.254.169.254]'])
      expect(reasonOf(await registry.digest(`${address}:${port}/app`)), address).toMatch(
        / is an address that is not asked$/,
      );
    expect(internal.received).toEqual([]);
  });

  it('sends no request into the network of the functions by a token server or redirect, but for the domain of its registry', async () => {
    const asked: string[] = [];
    const evil = await server((response, { path }) => {
      const [, , target = ''] = path.split('/');
      const url = `https://${target}.example/v2/a/manifests/1`;
      if (path.includes('/token/')) answer(response, 401, '', { 'www-authenticate': `Bearer realm="${url}"` });
      else answer(response, 307, '', { location: url });
    });
    const { port } = new URL(evil.url);
    const registry = registryFor([], {
      insecure: [`registry.corp.example:${port}`],
      lookup: (host, _options, callback) => {
        asked.push(host);
        callback(null, [{ address: host === 'registry.corp.example' ? '127.0.0.1' : '10.255.255.1', family: 4 }]);
      },
      onUnreached: (host, reason) => asked.push(`${host}: ${reason}`),
      callTimeout: 300,
    });
    for (const image of ['jenkins/app', 'builds/token/app', 'gitlab.corp/token/app'])
      await registry.digest(`registry.corp.example:${port}/${image}`);
    expect(asked.filter((each) => each.includes(': '))).toEqual([
      'jenkins.example: jenkins.example has an address that is not asked',
      'builds.example: builds.example has an address that is not asked',
      // Depends on the network: a private address is asked.
      expect.not.stringContaining('an address that is not asked'),
    ]);
  });
});
