import { describe, expect, it } from 'vitest';
import { unreachable } from '#runtime/registry/send-request.ts';
import { answer, type Script, type ScriptedServer } from '../../../support/scripted-server.ts';
import {
  digest,
  digestHeader,
  index,
  hostOf,
  server,
  registryFor,
  one,
  reasonOf,
  silent,
  found,
} from '../../../support/registry/registry-client.ts';

describe('a busy registry', () => {
  it.each([
    [429, '30', 30_000],
    [503, '7', 7000],
    [429, undefined, 60_000],
    [429, '999999999', 3_600_000],
  ])('that answers %i with Retry-After %s is not asked for %i ms, and then asked again', async (status, after, ms) => {
    let now = Date.now();
    const { server, host, registry } = await one(
      (response, _seen, count) => {
        if (count === 1) answer(response, status, '', after === undefined ? {} : { 'retry-after': after });
        else answer(response, 200, '', digestHeader());
      },
      { now: () => now },
    );
    const words = `${host} answered ${status} ${status === 429 ? 'Too Many Requests' : 'Service Unavailable'}`;
    const limit = { left: 0, ms: after === undefined ? undefined : Number(after) * 1000, hasLogin: false };
    expect(await registry.digest(`${host}/app`)).toEqual({
      ...{ type: 'unknown', reason: words, retryAfterMs: ms },
      ...(status === 429 ? { limit } : {}),
    });
    now += ms - 1000;
    const left = { type: 'unknown', reason: `${words}, and is left alone for 1 s`, retryAfterMs: 1000 };
    expect(await registry.digest(`${host}/other`)).toEqual(left);
    expect(server.received).toHaveLength(1);
    now += 1000;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'digest', digest });
  });

  it('counts how long it is left alone once, however many namespaces leave it alone', async () => {
    let now = Date.now();
    const rests: number[] = [];
    const throttled: Script = (response) => answer(response, 429, '', { 'retry-after': '30' });
    const { host, registry } = await one(throttled, { now: () => now, onRest: (ms) => rests.push(ms) });
    for (const namespace of ['a', 'b']) await registry.digest(`${host}/app`, [], namespace);
    now += 40_000;
    await registry.digest(`${host}/app`, [], 'b');
    expect(rests).toEqual([30_000, 0, 30_000]);
  });

  it('is not asked by calls that already wait', async () => {
    const { server, host, registry } = await one((response) => answer(response, 429, '', { 'retry-after': '30' }));
    const names = Array.from({ length: 12 }, (_, number) => `${host}/app:${number}`);
    const told = await Promise.all(names.map((name) => registry.digest(name)));
    expect(told.every((each) => each.type === 'unknown' && each.retryAfterMs !== undefined)).toBe(true);
    expect(server.received.length).toBeLessThanOrEqual(4);
  });

  it('does not stop requests to another one', async () => {
    const busy = await server((response) => answer(response, 429, '', { 'retry-after': '30' }));
    const other = await server(found);
    const registry = registryFor([busy, other]);
    await registry.digest(`${hostOf(busy)}/app`);
    expect(await registry.digest(`${hostOf(other)}/app`)).toEqual({ type: 'digest', digest });
  });

  it('gets at most four concurrent calls, and all registries sixteen', async () => {
    let [running, most] = [0, 0];
    const script: Script = (response) => {
      running += 1;
      most = Math.max(most, running);
      setTimeout(() => {
        running -= 1;
        answer(response, 200, '', digestHeader());
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
  it('times out, while another one answers', async () => {
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
    expect(answers[0]).toEqual({ type: 'unknown', reason: `${hostOf(hanging)} ${unreachable}` });
    // The fourth silence ends it; until then the first three have let three more in.
    expect(hanging.received.length).toBeLessThanOrEqual(7);
    expect(reasonOf(answers[19])).toBe(`${hostOf(hanging)} ${unreachable}`);
    expect(answers[19]).toHaveProperty('retryAfterMs');
  });

  it('times out in the middle of an answer too', async () => {
    const { host, registry } = await one(
      (response, { method }) => {
        if (method === 'HEAD') answer(response, 405, '');
        else response.writeHead(200, index).write('{');
      },
      { callTimeout: 200 },
    );
    const reason = `${host} ${unreachable}`;
    expect(await registry.digest(`${host}/app`)).toEqual({ type: 'unknown', reason });
  });

  it('gets no more time for one image than the limit for all its calls', async () => {
    const { server, host, registry } = await one(
      (response, seen) => {
        setTimeout(() => answer(response, 307, '', { location: seen.path }), 240);
      },
      { callTimeout: 400, imageTimeout: 600 },
    );
    const began = performance.now();
    expect(reasonOf(await registry.digest(`${host}/app`))).toBe(`${host} ${unreachable}`);
    expect(performance.now() - began).toBeLessThan(900);
    expect(server.received).toHaveLength(3);
  });

  it('does not make calls wait forever', async () => {
    const { host, registry } = await one(silent, { perHost: 1, callTimeout: 2000, lineTimeout: 100 });
    const first = registry.digest(`${host}/app:1`);
    const reason = `the turn to ask ${host} did not come within 100 ms`;
    expect(await registry.digest(`${host}/app:2`)).toEqual({ type: 'unknown', reason });
    registry.close();
    await first;
  });
});
