import { gzipSync } from 'node:zlib';
import { hostileNames } from './hostile-names.ts';
import {
  binary,
  bytesOf,
  chunkedHead,
  functions,
  headersOf,
  headerText,
  headOf,
  one,
  randomBytes,
  structured,
  text,
  whole,
  type Make,
} from './request-bytes.ts';

/** Requests with a hostile encoding. */
export const hostileWire: Readonly<Record<string, Make>> = {
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

/** 20 MB of blanks, in 20 kB. */
const bomb = gzipSync(Buffer.alloc(20_000_000, ' '));
