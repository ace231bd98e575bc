import type { LookupFunction } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { trustedAuthorities, unreachable } from '../../../../functions/runtime/registry/send-request.ts';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createProxy, type Server } from 'node:http';
import { createServer } from 'node:https';
import { connect } from 'node:net';
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

describe('an egress proxy', () => {
  let proxy: Server;
  let address: string;
  /** What the proxy was asked for. */
  const asked: string[] = [];
  /** Connections through the proxy all end at the server above, as nothing else resolves the names here. */
  beforeAll(async () => {
    proxy = createProxy((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(200, { 'docker-content-digest': digest }).end();
    });
    proxy.on('connect', (request, socket) => {
      asked.push(`CONNECT ${request.url}`);
      const upstream = connect(Number(host.split(':')[1]), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(upstream).pipe(socket);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const bound = proxy.address();
    address = `http://127.0.0.1:${typeof bound === 'object' && bound !== null ? bound.port : 0}`;
  });
  afterAll(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  beforeEach(() => {
    asked.length = 0;
    for (const name of ['http_proxy', 'https_proxy', 'no_proxy', 'all_proxy', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'])
      vi.stubEnv(name, '');
    vi.stubEnv('HTTPS_PROXY', address);
  });
  afterEach(() => vi.unstubAllEnvs());

  const unknownName: LookupFunction = (name, _options, callback) => callback(new Error(`ENOTFOUND ${name}`), []);
  const resolvesTo =
    (found: string): LookupFunction =>
    (_name, _options, callback) =>
      callback(null, [{ address: found, family: 4 }]);

  const digestOf = async (image: string, from: LookupFunction, insecure: readonly string[] = []) => {
    const told: string[] = [];
    const onUnreached = (_host: string, reason: string) => told.push(reason);
    const registry = createRegistry({ mirrors: {}, insecure, certificates: certificate, lookup: from, onUnreached });
    try {
      return { ...(await registry.digest(image)), told };
    } finally {
      registry.close();
    }
  };

  it('connects to registries over https whose names only the proxy resolves', async () => {
    expect(await digestOf('registry.example/app', unknownName)).toMatchObject({ type: 'digest', digest });
    expect(asked).toEqual(['CONNECT registry.example:443']);
  });

  it('sends requests over http', async () => {
    vi.stubEnv('HTTP_PROXY', address);
    const answer = await digestOf('plain.example:5000/app:1', unknownName, ['plain.example:5000']);
    expect(answer).toMatchObject({ type: 'digest', digest });
    expect(asked).toEqual(['HEAD http://plain.example:5000/v2/app/manifests/1']);
  });

  it('serves all schemes by ALL_PROXY', async () => {
    vi.stubEnv('HTTPS_PROXY', '');
    vi.stubEnv('ALL_PROXY', address);
    expect(await digestOf('registry.example/app', unknownName)).toMatchObject({ type: 'digest', digest });
    expect(asked).toEqual(['CONNECT registry.example:443']);
  });

  it('is not used for hosts of NO_PROXY', async () => {
    vi.stubEnv('NO_PROXY', '.example');
    expect(await ask(certificate)).toEqual({ answer: { type: 'digest', digest }, told: [] });
    expect(asked).toEqual([]);
  });

  it('is not asked for a name that has a refused address here', async () => {
    const answer = await digestOf('registry.example/app', resolvesTo('169.254.169.254'));
    expect(answer).toMatchObject({ type: 'unknown', told: ['registry.example has an address that is not asked'] });
    expect(asked).toEqual([]);
  });

  it('is asked a second after a look-up that does not end', { timeout: 5_000 }, async () => {
    const hangs: LookupFunction = () => undefined;
    expect(await digestOf('registry.example/app', hangs)).toMatchObject({ type: 'digest', digest });
  });

  it('is reported to the operator when it cannot be reached', async () => {
    vi.stubEnv('HTTPS_PROXY', 'http://127.0.0.1:1');
    expect(await digestOf('registry.example/app', unknownName)).toMatchObject({
      type: 'unknown',
      reason: `registry.example ${unreachable}`,
      told: [expect.stringContaining('127.0.0.1:1')],
    });
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
