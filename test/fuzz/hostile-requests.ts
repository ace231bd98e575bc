import { gzipSync } from 'node:zlib';
import type { Chance } from '../chaos/chance.ts';

/** A request that means harm, as bytes in the pieces in which they are sent. */
export type Hostile = {
  readonly kind: string;
  readonly pieces: readonly Buffer[];
  /** Whether it says all that it announces: then it is answered. */
  readonly isWhole: boolean;
};

type Make = (chance: Chance) => Omit<Hostile, 'kind'>;
type Headers = Readonly<Record<string, string>>;

const structured = 'application/cloudevents+json';
const batch = 'application/cloudevents-batch+json';
const functions = ['/reconcile', '/job-complete', '/refresh', '/purge'] as const;

/** Names that reach for a path, a shell, a log line, a header or an object's prototype. */
const hostileNames = [
  '..',
  '.',
  '../../secrets/admin',
  '..%2f..%2fsecrets',
  '%2e%2e',
  'web/status',
  'web?watch=true',
  'web#',
  'web\\..\\x',
  '/etc/passwd',
  '$(reboot)',
  '`id`',
  '; rm -rf /',
  'a\u0000b',
  'a\r\nx-injected: 1',
  '\u001b[31mred\u001b[0m',
  '\u202egnp.exe',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'ä',
  '💥',
  '\ud800',
  'x'.repeat(300),
  'x'.repeat(60_000),
  ' ',
  'Web',
  '{"a":1}',
  "' or 1=1 --",
] as const;

const kinds: Readonly<Record<string, Make>> = {
  'a hostile name': (chance) => event(chance, { name: chance.pick(hostileNames) }),
  'a hostile namespace': (chance) => event(chance, { namespace: chance.pick(hostileNames) }),
  'a hostile cache': (chance) =>
    event(chance, {
      kind: chance.pick(['Job', 'Pod', 'Node']),
      cache: chance.pick([`demo/${chance.pick(hostileNames)}`, `${chance.pick(hostileNames)}/cache`, 'a/b/c', '/', '']),
    }),
  'a hostile subject': (chance) => event(chance, { subject: chance.pick(hostileNames) }),
  'a hostile kind': (chance) => event(chance, { kind: chance.pick([...hostileNames, 'Secret', 'Namespace']) }),
  'hostile changes': (chance) =>
    event(chance, { kind: 'Job', cache: 'demo/cache', data: { changed: hostileChanges(chance) } }),
  'an attribute of a prototype': (chance) =>
    json(chance, `${text({}).slice(0, -1)},"${chance.pick(['__proto__', 'constructor'])}":{"isAdmin":true}}`),
  'data of a prototype': (chance) =>
    json(chance, `${text({}).slice(0, -1)},"data":{"__proto__":{"changed":[]},"constructor":{"prototype":{"x":1}}}}`),
  'deep data': (chance) => {
    const depth = chance.between(100, 60_000);
    return json(chance, `${text({}).slice(0, -1)},"data":${'[['.repeat(depth)}${']]'.repeat(depth)}}`);
  },
  'a huge number of keys': (chance) =>
    json(
      chance,
      JSON.stringify(
        Object.fromEntries(Array.from({ length: chance.between(100, 20_000) }, (_, key) => [`k${key}`, key])),
      ),
    ),
  'a batch of many': (chance) =>
    whole(
      chance,
      { 'content-type': batch },
      `[${Array.from({ length: chance.between(2, 40) }, () => text({ name: chance.pick(hostileNames) })).join()}]`,
    ),
  'a batch within a batch': (chance) => whole(chance, { 'content-type': batch }, `[[${text({})}],{},null,7,"x"]`),
  'bad UTF-8': (chance) =>
    whole(
      chance,
      { 'content-type': structured },
      Buffer.concat([Buffer.from('{"specversion":"1.0","id":"'), randomBytes(chance, 40)]),
    ),
  'bad UTF-8 in headers': (chance) =>
    whole(chance, { 'ce-id': '\u00ff\u00fe', 'ce-specversion': '1.0', 'ce-type': '\u0080' }, ''),
  'headers without end': (chance) => {
    const many = Array.from({ length: chance.between(10, 2_500) }, (_, index): readonly [string, string] => [
      `x-${index}`,
      'y'.repeat(chance.between(0, 9)),
    ]);
    return whole(chance, headersOf(many), '');
  },
  'a binary event with hostile headers': (chance) =>
    whole(
      chance,
      { ...binary({ name: headerText(chance.pick(hostileNames)), cache: headerText(chance.pick(hostileNames)) }) },
      '',
    ),
  'a wrong content type': (chance) =>
    whole(
      chance,
      {
        'content-type': chance.pick([
          'text/html',
          'application/xml',
          'multipart/form-data; boundary=x',
          ';;;',
          'a/b/c',
          `${structured};charset=utf-7`,
          '"',
          'x'.repeat(5_000),
        ]),
      },
      text({}),
    ),
  'a hostile path': (chance) => whole(chance, { 'content-type': structured }, text({}), chance.pick([...hostilePaths])),
  'another method': (chance) =>
    one(
      `${chance.pick(['PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH', 'PROPFIND'])} ${chance.pick(functions)} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`,
    ),
  'chunks that never end': (chance) => ({
    pieces: [
      Buffer.from(chunkedHead(chance)),
      ...Array.from({ length: chance.between(1, 200) }, () => Buffer.from('1\r\nx\r\n')),
    ],
    isWhole: false,
  }),
  'a chunk of a size that is none': (chance) => ({
    pieces: [
      Buffer.from(
        `${chunkedHead(chance)}${chance.pick(['ffffffffffffffff', '-1', '1;', '0x5', '', ' 5'])}\r\nhello\r\n0\r\n\r\n`,
      ),
    ],
    isWhole: false,
  }),
  'chunk extensions': (chance) => ({
    pieces: [Buffer.from(`${chunkedHead(chance)}5;${'e'.repeat(chance.between(1, 40_000))}\r\nhello\r\n0\r\n\r\n`)],
    isWhole: true,
  }),
  'one request in another': (chance) => ({
    pieces: [
      Buffer.from(
        `POST ${chance.pick(functions)} HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /secrets HTTP/1.1\r\n\r\n`,
      ),
    ],
    isWhole: true,
  }),
  'a head in small pieces': (chance) => ({
    pieces: bytesOf(`${headOf({ 'content-type': structured }, text({}).length, chance.pick(functions))}${text({})}`),
    isWhole: true,
  }),
  'a body that stops': (chance) => ({
    pieces: [Buffer.from(headOf({ 'content-type': structured }, 10_000, chance.pick(functions))), Buffer.from('{"a":')],
    isWhole: false,
  }),
  noise: (chance) => ({ pieces: [randomBytes(chance, chance.between(1, 2_000))], isWhole: false }),
  'a zip bomb': (chance) => whole(chance, { 'content-type': structured, 'content-encoding': 'gzip' }, bomb),
};

const names = Object.keys(kinds);

/** The hostile request of a draw. */
export function hostileRequest(chance: Chance): Hostile {
  const kind = names[chance.between(0, names.length - 1)] ?? 'noise';
  return { kind, ...(kinds[kind] ?? noise)(chance) };
}

const noise: Make = (chance) => ({ pieces: [randomBytes(chance, 100)], isWhole: false });

const hostilePaths = [
  '/reconcile/../../etc/passwd',
  '/reconcile/%2e%2e/%2e%2e/etc/passwd',
  '//reconcile',
  '/reconcile?x=%00',
  '/%ff%fe',
  '/metrics/../reconcile',
  '/__proto__',
  '/constructor',
  `/${'a/'.repeat(3_000)}`,
  '*',
  'http://elsewhere.example/reconcile',
] as const;

const good = {
  specversion: '1.0',
  id: '1',
  source: '/test',
  type: 'dev.knative.apiserver.ref.update',
  kind: 'ImageCache',
  apiversion: 'kubefledged.io/v1alpha2',
  namespace: 'demo',
  name: 'cache',
} as const;

const text = (changes: object): string => JSON.stringify({ ...good, ...changes });

function hostileChanges(chance: Chance): unknown {
  const change = (): unknown =>
    chance.pick<unknown>([
      {
        apiVersion: 'v1',
        kind: chance.pick(['Pod', 'Node', 'Job', '__proto__']),
        namespace: 'demo',
        name: chance.pick(hostileNames),
      },
      { apiVersion: 'batch/v1', kind: 'Job', namespace: chance.pick(hostileNames), name: 'x' },
      null,
      7,
      [],
      { toString: 1 },
    ]);
  return chance.is(0.1)
    ? chance.pick<unknown>(['all', null, {}, 1e308])
    : Array.from({ length: chance.between(0, 300) }, change);
}

/** The same event in a form of its own choice. */
function event(chance: Chance, changes: Readonly<Record<string, unknown>>): Omit<Hostile, 'kind'> {
  if (chance.is(0.6)) return json(chance, text(changes));
  const { data, ...attributes } = changes;
  const told = Object.entries(attributes).map(([name, value]) => [name, headerText(String(value))] as const);
  return whole(
    chance,
    { ...binary(headersOf(told)), 'content-type': 'application/json' },
    data === undefined ? '' : JSON.stringify(data),
  );
}

/** What would end the header is left out: no client could send it. */
const headerText = (value: string): string => value.replace(/\p{Cc}/gu, '').slice(0, 12_000);

const headersOf = (entries: Iterable<readonly [string, string]>): Headers => Object.fromEntries(entries);

/** Each byte by itself. */
const bytesOf = (request: string): readonly Buffer[] => [...Buffer.from(request)].map((byte) => Buffer.from([byte]));

const binary = (changes: Headers): Headers =>
  Object.fromEntries(Object.entries({ ...good, ...changes }).map(([name, value]) => [`ce-${name}`, value]));

const json = (chance: Chance, body: string): Omit<Hostile, 'kind'> =>
  whole(chance, { 'content-type': structured }, body);

function whole(
  chance: Chance,
  headers: Headers,
  body: string | Buffer,
  path: string = chance.pick(functions),
): Omit<Hostile, 'kind'> {
  const bytes = Buffer.from(body);
  return { pieces: [Buffer.concat([Buffer.from(headOf(headers, bytes.length, path)), bytes])], isWhole: true };
}

const one = (request: string): Omit<Hostile, 'kind'> => ({ pieces: [Buffer.from(request)], isWhole: true });

function headOf(headers: Headers, length: number, path: string): string {
  const lines = Object.entries({ host: 'a', connection: 'close', ...headers, 'content-length': String(length) });
  return `POST ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

const chunkedHead = (chance: Chance): string =>
  `POST ${chance.pick(functions)} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: ${structured}\r\ntransfer-encoding: chunked\r\n\r\n`;

const randomBytes = (chance: Chance, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => chance.between(0, 255)));

/** 20 MB of blanks, in 20 kB. */
const bomb = gzipSync(Buffer.alloc(20_000_000, ' '));
