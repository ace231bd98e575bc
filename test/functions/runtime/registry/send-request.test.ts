import type { LookupFunction } from 'node:net';
import { describe, expect, it, afterAll, beforeAll } from 'vitest';
import {
  guardedLookup,
  isForbiddenAddress,
  trustedAuthorities,
} from '../../../../functions/runtime/registry/send-request.ts';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../../../functions/runtime/errors.ts';
import { createRegistry } from '../../../../functions/runtime/registry/registry.ts';

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

const digest = `sha256:${'0'.repeat(64)}`;
const folder = mkdtempSync(join(tmpdir(), 'imagecache-functions-registry-'));
const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
let server: ReturnType<typeof createServer>;
let host: string;

beforeAll(async () => {
  const subject = ['-subj', '/CN=test', '-addext', 'subjectAltName=DNS:registry.example'];
  const files = ['-keyout', key, '-out', certificate];
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', ...kind, ...subject, ...files], { stdio: 'ignore' });
  server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (_request, response) => {
    response.writeHead(200, { 'docker-content-digest': digest }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  host = `registry.example:${typeof address === 'object' && address !== null ? address.port : 0}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const lookup: LookupFunction = (_hostname, _options, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }]);
const ask = async (certificates: string) => {
  const registry = createRegistry({ mirrors: {}, insecure: [], certificates, lookup });
  try {
    return await registry.digest(`${host}/app`);
  } finally {
    registry.close();
  }
};

describe('a registry with a certificate of its own authority', () => {
  it('is not trusted', async () => {
    const reason = `${host} could not be asked: its certificate is of no trusted authority: REGISTRY_CA_CERTS can name one`;
    expect(await ask('')).toEqual({ type: 'unknown', reason });
  });

  it('is trusted by the path of a bundle, and by its text', async () => {
    expect(await ask(certificate)).toEqual({ type: 'digest', digest });
    expect(await ask(readFileSync(certificate, 'utf8'))).toEqual({ type: 'digest', digest });
  });
});

describe('trustedAuthorities', () => {
  it.each([
    ['/nowhere/ca.pem', 'REGISTRY_CA_CERTS names a file that can not be read: ENOENT'],
    [key, 'REGISTRY_CA_CERTS is not the PEM of certificates: it holds no certificate'],
    [
      '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----',
      'REGISTRY_CA_CERTS is not the PEM of certificates: ',
    ],
  ])('refuses %s', (setting, words) => {
    expect(() => trustedAuthorities(setting)).toThrow(ConfigError);
    expect(() => trustedAuthorities(setting)).toThrow(words);
  });
});
