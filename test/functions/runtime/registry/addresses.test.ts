import type { LookupFunction } from 'node:net';
import { describe, expect, it } from 'vitest';
import { guardedLookup, isRefusedAddress, type Reach, reachOf } from '#runtime/registry/addresses.ts';

/** From the widest: the reaches that an address is refused to begin with the given one. */
const reaches: readonly Reach[] = ['Listed', 'Named', 'Referred'];
const refusedFrom = (address: string) => reaches.filter((reach) => isRefusedAddress(address, reach))[0];

describe('isRefusedAddress', () => {
  it.each([
    ['169.254.169.254', 'Listed'],
    ['169.254.0.1', 'Listed'],
    ['[fe80::1]', 'Listed'],
    ['fe80::1%eth0', 'Listed'],
    ['febf::1', 'Listed'],
    ['::ffff:169.254.169.254', 'Listed'],
    ['64:ff9b::169.254.169.254', 'Listed'],
    ['64:ff9b:1::169.254.169.254', 'Listed'],
    ['2002:a9fe:a9fe::1', 'Listed'],
    ['2001:0:a9fe:a9fe::1', 'Listed'],
    ['fd00:ec2::254', 'Listed'],
    ['fd20:ce::254', 'Listed'],
    ['168.63.129.16', 'Listed'],
    ['100.100.100.200', 'Listed'],
    ['239.1.2.3', 'Listed'],
    ['255.255.255.255', 'Listed'],
    ['ff02::1', 'Listed'],
    ['127.0.0.1', 'Named'],
    ['127.9.9.9', 'Named'],
    ['0.0.0.0', 'Named'],
    ['[::1]', 'Named'],
    ['[::]', 'Named'],
    ['::127.0.0.1', 'Named'],
    ['::ffff:127.0.0.1', 'Named'],
    ['64:ff9b::127.0.0.1', 'Named'],
    ['2002:7f00:1::', 'Named'],
    ['10.96.0.1', 'Referred'],
    ['172.31.255.255', 'Referred'],
    ['192.168.1.1', 'Referred'],
    ['100.64.0.1', 'Referred'],
    ['[fd00::1]', 'Referred'],
    ['fec0::1', 'Referred'],
    ['::ffff:10.96.0.1', 'Referred'],
    ['64:ff9b::10.96.0.1', 'Referred'],
    ['64:ff9b:1::8.8.8.8', 'Referred'],
    ['2002:a60:1::', 'Referred'],
    ['169.253.255.255', undefined],
    ['172.32.0.1', undefined],
    ['64:ff9b::8.8.8.8', undefined],
    ['2606:4700::1111', undefined],
    ['registry.example.com', undefined],
  ])('%s is refused from %s on', (host, from) => {
    expect(refusedFrom(host)).toBe(from);
  });

  it('detects every notation of an address in a URL', () => {
    const hosts = ['0xa9fea9fe', '2852039166', '169.254.43518', '0251.0376.0251.0376', '[::ffff:a9fe:a9fe]'];
    for (const host of hosts) expect(refusedFrom(new URL(`http://${host}/`).hostname), host).toBe('Listed');
    for (const host of ['127.1', '2130706433', '0', '[0:0:0:0:0:0:0:1]'])
      expect(refusedFrom(new URL(`http://${host}/`).hostname), host).toBe('Named');
  });
});

describe('reachOf', () => {
  it.each([
    ['registry.example.com', 'registry.example.com', 'Named'],
    ['registry.example.com:8443', 'registry.example.com:5000', 'Named'],
    ['auth.docker.io', 'registry-1.docker.io', 'Named'],
    ['gitlab.example.com', 'registry.example.com', 'Named'],
    ['example.com', 'registry.example.com', 'Named'],
    ['auth.example.com', 'example.com', 'Named'],
    ['evil-example.com', 'registry.example.com', 'Referred'],
    ['jenkins.corp', 'evil.corp', 'Referred'],
    ['auth.other.com', 'registry.example.com', 'Referred'],
    ['10.0.0.2', '10.0.0.1', 'Referred'],
    ['[fd00::2]', '[fd00::1]', 'Referred'],
    ['listed.example:5000', 'registry.example.com', 'Listed'],
    ['listed.example', 'registry.example.com', 'Referred'],
  ])('%s, of %s, is %s', (host, registry, reach) => {
    expect(reachOf(new URL(`https://${host}/token`), registry, new Set(['listed.example:5000']))).toBe(reach);
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
  const resultOf = (reach: Reach, lookup: LookupFunction) =>
    new Promise((resolve) => {
      guardedLookup(reach, lookup)('r.io', {}, (error, found) => resolve(error?.message ?? found));
    });

  it('allows addresses within the reach', async () => {
    expect(await resultOf('Named', findsOne('10.0.0.1'))).toBe('10.0.0.1');
    expect(await resultOf('Named', findsAll('10.0.0.1'))).toEqual([{ address: '10.0.0.1', family: 4 }]);
    expect(await resultOf('Listed', findsOne('127.0.0.1'))).toBe('127.0.0.1');
  });

  it('refuses a name with an address beyond the reach, even beside another', async () => {
    const refusal = 'r.io has an address that is not asked';
    expect(await resultOf('Listed', findsOne('169.254.169.254'))).toBe(refusal);
    expect(await resultOf('Named', findsAll('10.0.0.1', '127.0.0.1'))).toBe(refusal);
    expect(await resultOf('Referred', findsAll('8.8.8.8', '10.0.0.1'))).toBe(refusal);
  });

  it('reports an unknown name', async () => {
    const fails: LookupFunction = (_hostname, _options, callback) => callback(new Error('ENOTFOUND'), '', 0);
    expect(await resultOf('Named', fails)).toBe('ENOTFOUND');
    const failsBarely: LookupFunction = (_hostname, _options, callback) => {
      Reflect.apply(callback, undefined, [new Error('ENOTFOUND')]);
    };
    expect(await resultOf('Named', failsBarely)).toBe('ENOTFOUND');
  });
});
