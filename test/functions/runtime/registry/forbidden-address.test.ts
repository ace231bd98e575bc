import type { LookupFunction } from 'node:net';
import { describe, expect, it } from 'vitest';
import { guardedLookup, isForbiddenAddress } from '../../../../functions/runtime/registry/forbidden-address.ts';

describe('isForbiddenAddress', () => {
  it.each([
    ['169.254.169.254', true],
    ['169.254.0.1', true],
    ['[fe80::1]', true],
    ['fe80::1%eth0', true],
    ['febf::1', true],
    ['::ffff:169.254.169.254', true],
    ['64:ff9b::169.254.169.254', true],
    ['fd00:ec2::254', true],
    ['169.253.255.255', false],
    ['10.0.0.1', false],
    ['fec0::1', false],
    ['fd00::1', false],
    ['::1', false],
    ['registry.example.com', false],
  ])('%s is %s', (host, isForbidden) => {
    expect(isForbiddenAddress(host)).toBe(isForbidden);
  });

  it('detects every notation of an address in a URL', () => {
    const hosts = ['0xa9fea9fe', '2852039166', '169.254.43518', '0251.0376.0251.0376', '[::ffff:a9fe:a9fe]'];
    for (const host of hosts) expect(isForbiddenAddress(new URL(`http://${host}/`).hostname), host).toBe(true);
  });
});

describe('guardedLookup', () => {
  const findsOne =
    (address: string): LookupFunction =>
    (_hostname, _options, callback) =>
      callback(null, address, 4);
  const findsAll =
    (...addresses: readonly string[]): LookupFunction =>
    (_hostname, _options, callback) =>
      callback(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      );
  const resultOf = (lookup: LookupFunction) =>
    new Promise((resolve) => {
      guardedLookup(lookup)('r.io', {}, (error, found) => resolve(error?.message ?? found));
    });

  it('allows addresses that are not link-local', async () => {
    expect(await resultOf(findsOne('10.0.0.1'))).toBe('10.0.0.1');
    expect(await resultOf(findsAll('10.0.0.1'))).toEqual([{ address: '10.0.0.1', family: 4 }]);
  });

  it('refuses a name with a link-local address, even beside another', async () => {
    const refusal = 'r.io has a link-local address, and is not asked';
    expect(await resultOf(findsOne('169.254.169.254'))).toBe(refusal);
    expect(await resultOf(findsAll('10.0.0.1', '169.254.169.254'))).toBe(refusal);
  });

  it('reports an unknown name', async () => {
    const fails: LookupFunction = (_hostname, _options, callback) => callback(new Error('ENOTFOUND'), '', 0);
    expect(await resultOf(fails)).toBe('ENOTFOUND');
    const failsBarely: LookupFunction = (_hostname, _options, callback) => {
      Reflect.apply(callback, undefined, [new Error('ENOTFOUND')]);
    };
    expect(await resultOf(failsBarely)).toBe('ENOTFOUND');
  });
});
