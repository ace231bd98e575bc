import { describe, expect, it } from 'vitest';
import { highestPerStep } from './memory-record.ts';
import { kindOf, requestTable, totalsOf } from './requests.ts';
import { parseManySizes } from './sizes.ts';

describe('a request', () => {
  it.each([
    ['GET', '/api/v1/nodes?limit=100', 'LIST nodes'],
    ['GET', '/api/v1/nodes/a', 'GET nodes'],
    ['GET', '/api/v1/nodes?watch=true', 'WATCH nodes'],
    ['GET', '/api/v1/namespaces/default', 'GET namespaces'],
    ['GET', '/api/v1/namespaces/default/pods?limit=1', 'LIST pods'],
    ['GET', '/apis/batch/v1/jobs?limit=1', 'LIST jobs'],
    ['POST', '/apis/batch/v1/namespaces/default/jobs', 'POST jobs'],
    ['DELETE', '/apis/batch/v1/namespaces/default/jobs/a', 'DELETE jobs'],
    ['PATCH', '/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches/a/status', 'PATCH imagecaches/status'],
    ['GET', '/version', 'GET other'],
  ])('%s %s is %s', (method, url, kind) => expect(kindOf(method, url)).toBe(kind));

  it('is a read or a write, unless it is about the Lease', () => {
    const times = { firstAt: 0, lastAt: 0 };
    const requests = {
      'LIST nodes': { count: 1, bytes: 3e6, ...times },
      'WATCH pods': { count: 0, bytes: 2e6, ...times },
      'POST jobs': { count: 4, bytes: 1e6, ...times },
      'PUT leases': { count: 9, bytes: 9e6, ...times },
    };
    expect(totalsOf(requests)).toEqual({ reads: 1, writes: 4, megabytesRead: 5 });
    expect(Object.keys(requestTable(requests))[0]).toBe('PUT leases');
  });
});

describe('a size of many caches', () => {
  it('may have idle ones beside', () => {
    expect(parseManySizes('20x50x5,1x5000x50+50')).toEqual([
      { caches: 20, nodes: 50, images: 5, idle: 0 },
      { caches: 1, nodes: 5000, images: 50, idle: 50 },
    ]);
    expect(() => parseManySizes('20x50')).toThrow('expected CACHESxNODESxIMAGES');
    expect(() => parseManySizes('0x5x5')).toThrow('expected CACHESxNODESxIMAGES');
  });
});

describe('memory over time', () => {
  it('keeps every peak', () => {
    const samples = Array.from({ length: 1000 }, (_, at) => [at, at === 501 ? 9 : 1, at === 777 ? 8 : 2] as const);
    const shown = highestPerStep(samples);
    expect(shown).toHaveLength(200);
    expect([
      shown[0]?.[0],
      Math.max(...shown.map((step) => step[1])),
      Math.max(...shown.map((step) => step[2])),
    ]).toEqual([0, 9, 8]);
  });
});
