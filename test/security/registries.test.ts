import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
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
});
