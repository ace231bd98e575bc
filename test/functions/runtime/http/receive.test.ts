import { describe, expect, it } from 'vitest';
import { mediaType, receive } from '../../../../functions/runtime/http/receive.ts';
import { answerTo, done, later, sentence, worst } from '../../../../functions/runtime/http/respond.ts';

const structured = { 'content-type': 'application/cloudevents+json' };
const event = {
  specversion: '1.0',
  id: 'a',
  source: '/s',
  type: 'dev.knative.apiserver.resource.delete',
  subject: '/apis/batch/v1/namespaces/demo/jobs/j',
  kind: 'Job',
  apiversion: 'batch/v1',
  namespace: 'demo',
  name: 'j',
};

const read = (of: object) => receive(structured, Buffer.from(JSON.stringify({ ...event, ...of })), 'reconcile');

describe('receive', () => {
  it('extracts the logged attributes and the notice of an event', () => {
    const object = { apiVersion: 'batch/v1', kind: 'Job', namespace: 'demo', name: 'j' };
    expect(read({ cache: 'demo/cache', data: { changed: [] } })).toEqual([
      {
        id: 'a',
        type: event.type,
        subject: event.subject,
        notice: {
          type: 'change',
          verb: 'delete',
          object,
          cache: { namespace: 'demo', name: 'cache' },
          changed: [object],
        },
        trace: {},
      },
    ]);
  });

  it.each([
    [{ specversion: '0.3' }, 400],
    [{ specversion: undefined }, 400],
    [{ id: undefined }, 400],
    [{ source: '' }, 400],
    [{ time: 'soon' }, 400],
    [{ Odd: 1 }, 400],
    [{ type: 'com.example.other' }, 422],
    [{ name: '' }, 422],
    [{ kind: 3 }, 422],
  ])('refuses %j by %d', (of, status) => {
    expect(read(of)).toMatchObject([{ status }]);
  });

  it('accepts any data, since no function uses it', () => {
    for (const data of [0, false, '', null, [], 'text', { spec: {} }])
      expect(read({ data })).toMatchObject([{ notice: { type: 'change' } }]);
  });

  it('refuses a body that is not UTF-8', () => {
    expect(receive(structured, Buffer.of(0x22, 0xff, 0x22), 'refresh')).toMatchObject([{ status: 400 }]);
  });
});

describe('mediaType', () => {
  it.each([
    ['application/json', 'application/json', ''],
    ['Application/JSON;Charset=UTF-8', 'application/json', 'utf-8'],
    ['text/plain ; a=b; charset = "us-ascii" ', 'text/plain', 'us-ascii'],
    [undefined, '', ''],
  ])('reads %j', (header, type, charset) => {
    expect(mediaType(header)).toEqual({ type, charset });
  });
});

describe('worst', () => {
  const refused = { status: 422, reason: 'bad' } as const;
  const busy = later('busy', 1);
  it.each([
    [[], done],
    [[done, done], done],
    [[done, refused], refused],
    [[refused, busy, done], busy],
  ])('of %j is %j', (answers, answer) => {
    expect(worst(answers)).toEqual(answer);
  });
});

describe('answerTo', () => {
  it('requests a retry for unknown errors', () => {
    for (const thrown of [undefined, 'text', new Error('x'), { status: 404 }])
      expect(answerTo(thrown).status).toBe(503);
  });
});

describe('sentence', () => {
  it('is one line of at most 500 characters without anything that steers a terminal', () => {
    expect(sentence(' a\r\n\u0000\u001b[31mb\u202e\u2028c ')).toBe('a [31mb c');
    expect(sentence('😀'.repeat(1000)).length).toBeLessThanOrEqual(500);
    expect(sentence(`x${'😀'.repeat(1000)}`).isWellFormed()).toBe(true);
  });
});
