import type { LookupFunction } from 'node:net';
import { describe, expect, it, afterAll, beforeAll } from 'vitest';
import { trustedAuthorities, unreachable } from '../../../../functions/runtime/registry/send-request.ts';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../../../../functions/runtime/errors.ts';
import { createRegistry } from '../../../../functions/runtime/registry/registry.ts';

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
  const told: string[] = [];
  const mirrors = { 'r.io': [`https://${host}`] };
  const onUnreached = (_host: string, reason: string) => told.push(reason);
  const registry = createRegistry({ mirrors, insecure: [], certificates, lookup, onUnreached });
  try {
    return { answer: await registry.digest(`${host}/app`), told };
  } finally {
    registry.close();
  }
};

describe('a registry with a certificate of its own authority', () => {
  it('is not trusted', async () => {
    const told = ['its certificate is of no trusted authority: REGISTRY_CA_CERTS can name one'];
    expect(await ask('')).toEqual({ answer: { type: 'unknown', reason: `${host} ${unreachable}` }, told });
  });

  it('is trusted by the path of a bundle, and by its text', async () => {
    const answer = { type: 'digest', digest };
    expect(await ask(certificate)).toEqual({ answer, told: [] });
    expect(await ask(readFileSync(certificate, 'utf8'))).toEqual({ answer, told: [] });
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
