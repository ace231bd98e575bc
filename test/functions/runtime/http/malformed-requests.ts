import { goodEvent } from './good-event.ts';

/** A raw HTTP request that no sender of events should have sent, and what is wrong with it. */
export type Malformed = { readonly wrong: string; readonly bytes: Buffer };

/** A small seeded generator (mulberry32), so that a failure can be had again. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function found<T>(from: readonly T[], index: number): T {
  for (const [at, each] of from.entries()) if (at === index) return each;
  throw new RangeError(`there is no ${index} of ${from.length}`);
}

type Random = {
  readonly below: (limit: number) => number;
  readonly pick: <T>(from: readonly T[]) => T;
  readonly bytes: (length: number) => Buffer;
};

export function malformedRequests(count: number, seed: number): Malformed[] {
  const next = seeded(seed);
  const below = (limit: number): number => Math.floor(next() * limit);
  const random: Random = {
    below,
    pick: (from) => found(from, below(from.length)),
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
  };
  const wrongs = Object.entries(kinds);
  return Array.from({ length: count }, (_, index) => {
    const [wrong, make] = wrongs[index % wrongs.length] ?? ['nothing', () => Buffer.alloc(0)];
    return { wrong, bytes: make(random) };
  });
}

const json = 'application/cloudevents+json';

const kinds: Readonly<Record<string, (random: Random) => Buffer>> = {
  'no event at all': (random) => post({ 'content-type': random.pick(['text/plain', 'application/json']) }, '{"a":1}'),
  'random bytes as an event': (random) => post({ 'content-type': json }, random.bytes(1 + random.below(3000))),
  'random bytes as HTTP': (random) => Buffer.concat([Buffer.from('\u0001'), random.bytes(1 + random.below(3000))]),
  'a truncated event': (random) => {
    const text = JSON.stringify(goodEvent);
    return post({ 'content-type': json }, text.slice(0, 1 + random.below(text.length - 1)));
  },
  'JSON of another type': (random) =>
    post({ 'content-type': json }, random.pick(['null', '42', '"x"', '[]', 'true', '[[]]', ' ', ''])),
  'a wrong specversion': (random) =>
    event({ specversion: random.pick(['0.3', '2.0', '1', '', 1, null, { a: 1 }, '1.0 ']) }),
  'an essential of a wrong type': (random) =>
    event({ [random.pick(['id', 'source', 'type'])]: random.pick([undefined, null, 1, true, [], {}, '']) }),
  'an extension of a wrong type': (random) =>
    event({
      [random.pick(['kind', 'name', 'apiversion'])]: random.pick([undefined, null, 7, false, ['a'], { a: 1 }, '']),
    }),
  'a namespace of a wrong type': (random) => event({ namespace: random.pick([7, true, ['a'], { a: 1 }]) }),
  'an odd attribute name': (random) =>
    event({ [random.pick(['__proto__', 'constructor.x', 'UPPER', 'a-b', 'ä', ' ', 'a\u0000b'])]: 'x' }),
  'an unknown type': (random) => event({ type: `x${'\u0000\u001b[31m<b>\n'.repeat(1 + random.below(200))}` }),
  'a time that is none': (random) => event({ time: random.pick(['yesterday', 5, {}, '2026-13-45T99:00:00Z']) }),
  'a binary event that lacks an essential': (random) => {
    const lacking = random.pick(['specversion', 'id', 'source', 'type', 'kind', 'name', 'apiversion']);
    return binary(Object.fromEntries(Object.entries(goodEvent).filter(([name]) => name !== lacking)));
  },
  'a binary event of another version': (random) =>
    binary({ ...goodEvent, specversion: random.pick(['0.3', '2.0', 'x']) }),
  'a binary event whose data is not JSON': (random) =>
    binary(goodEvent, random.pick(['{', '{"a":', 'undefined', '[1,', '{"a":1}}']), 'application/json;charset=UTF-8'),
  'a binary event with an odd header': (random) =>
    binary({ ...goodEvent, [random.pick(['a-b', 'a_b', 'a.b', '!'])]: 'x' }),
  'a charset that is not read': (random) =>
    post(
      { 'content-type': `${json}; charset=${random.pick(['utf-16', 'latin1', '"shift-jis"'])}` },
      JSON.stringify(goodEvent),
    ),
  'a format that is not read': (random) =>
    post({ 'content-type': `application/cloudevents+${random.pick(['xml', 'avro', 'protobuf'])}` }, '<event/>'),
  'an encoding that is not one': (random) =>
    post({ 'content-type': json, 'content-encoding': random.pick(['gzip', 'br', 'deflate', 'rot13']) }, 'not zipped'),
  'a batch with a bad event': (random) =>
    post(
      { 'content-type': 'application/cloudevents-batch+json' },
      JSON.stringify(
        random.pick([
          [goodEvent, 1],
          [null],
          [goodEvent, { ...goodEvent, id: '' }],
          {},
          'x',
          [{ ...goodEvent, kind: 5 }],
        ]),
      ),
    ),
  'a body that is too large': (random) =>
    random.below(8) === 0
      ? post({ 'content-type': json }, 'x'.repeat(2_100_000))
      : post({ 'content-type': json }, '{'.repeat(60_000)),
  'deeply nested JSON': (random) => post({ 'content-type': json }, '['.repeat(1000 + random.below(100_000))),
  'headers that are too large': (random) => binary({ ...goodEvent, subject: 'x'.repeat(17_000 + random.below(9000)) }),
  'a Content-Length that is none': (random) =>
    raw(
      `POST /reconcile HTTP/1.1\r\nhost: a\r\ncontent-length: ${random.pick(['-1', 'x', '1e9', '5, 6', '0x10'])}\r\n\r\nhello`,
    ),
  'two framings': () =>
    raw('POST /reconcile HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
  'chunks that are none': (random) =>
    raw(
      `POST /reconcile HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n${random.pick(['zz', '-5', 'g'])}\r\nhello\r\n`,
    ),
  'fewer bytes than announced': (random) =>
    raw(
      `POST /reconcile HTTP/1.1\r\nhost: a\r\ncontent-type: ${json}\r\ncontent-length: ${100 + random.below(900)}\r\n\r\n{"a`,
    ),
  'a request line that is none': (random) =>
    raw(`${random.pick(['GARBAGE', 'POST', 'POST /reconcile', 'POST  HTTP/1.1', 'POST /reconcile HTTP/9.9'])}\r\n\r\n`),
  'no host': () => raw('POST /reconcile HTTP/1.1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'),
  'an expectation that is none': () =>
    post({ expect: 'the impossible', 'content-type': json }, JSON.stringify(goodEvent)),
  'a path that is none of ours': (random) =>
    post(
      { 'content-type': json },
      JSON.stringify(goodEvent),
      random.pick(['/', '/nothing', '/%E0%A4%A', '/..//reconcile', '/reconciled']),
    ),
};

function event(changes: Readonly<Record<string, unknown>>): Buffer {
  // A computed key defines rather than assigns, so that even __proto__ gets onto the wire.
  return post({ 'content-type': json }, JSON.stringify({ ...goodEvent, ...changes }));
}

function binary(attributes: Readonly<Record<string, string>>, data = '', type = 'application/json'): Buffer {
  const headers = Object.entries(attributes).map(([name, value]): [string, string] => [`ce-${name}`, value]);
  return post({ 'content-type': type, ...Object.fromEntries(headers) }, data);
}

function post(headers: Readonly<Record<string, string>>, body: string | Buffer, path = '/reconcile'): Buffer {
  const bytes = Buffer.from(body);
  const lines = Object.entries({ host: 'a', connection: 'close', ...headers, 'content-length': String(bytes.length) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([Buffer.from(`POST ${path} HTTP/1.1\r\n${head}\r\n`), bytes]);
}

const raw = (text: string): Buffer => Buffer.from(text);
