import { describe, expect, it } from 'vitest';
import { readOptions } from './options.ts';
import { machineTicks, secondsBetween, secondsIn, shareBetween } from './processor.ts';
import { parseSizes } from './sizes.ts';
import { lagsOf, namesIn } from './source/measured-listener.ts';
import { percentile, spreadOf, thinned } from './spread.ts';

describe('the values of many trials', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  it('are summarized by nearest ranks', () => {
    expect(spreadOf(hundred)).toEqual({ count: 100, p50: 50, p90: 90, p99: 99, max: 100 });
    expect(percentile([7], 1)).toBe(7);
    expect(() => spreadOf([])).toThrow('nothing was measured');
  });

  it('are thinned to a curve with the same ends', () => {
    const thin = thinned(hundred, 10);
    expect(thin).toHaveLength(10);
    expect([thin[0], thin.at(-1)]).toEqual([1, 100]);
    expect(thinned([3, 1])).toEqual([1, 3]);
  });
});

describe('/proc', () => {
  it('has the processor time of a process with any name', () => {
    expect(secondsIn('42 (node) (x) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 11 0')).toBe(3);
  });

  it('has the processor time of each daemon between two readings', () => {
    expect(secondsBetween({ etcd: 1.25 }, { etcd: 3.5, kwok: 2 })).toEqual({ etcd: 2.25, kwok: 2 });
  });

  it('has the shares of time that the machine was busy, and waited for its disk', () => {
    const before = machineTicks('cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1');
    const after = machineTicks('cpu  150 0 120 720 110 0 0 0 50 0\n');
    expect(before).toEqual({ all: 1000, busy: 200, diskWait: 100 });
    expect(shareBetween(before, after)).toEqual({ busy: 70, diskWait: 10 });
  });
});

describe('the lag of a source', () => {
  it('is the time from each write to the first event after it that names its object', () => {
    const written = [
      { name: 'a', at: 10 },
      { name: 'b', at: 20 },
      { name: 'a', at: 30 },
      { name: 'c', at: 30 },
    ];
    const received = [
      { names: ['a'], isAll: false, at: 14 },
      { names: ['b', 'a'], isAll: false, at: 36 },
    ];
    expect(lagsOf(written, received)).toEqual({ lags: [4, 16, 6], unreported: 1 });
  });

  it('has the Jobs that an event names, batched ones included', () => {
    const other = { apiVersion: 'batch/v1', kind: 'Job', namespace: 'default', name: 'b' };
    const headers = { 'ce-kind': 'Job', 'ce-name': 'a' };
    expect(namesIn(headers, '')).toEqual({ names: ['a'], isAll: false });
    expect(namesIn(headers, JSON.stringify({ ...other, changed: [other] }))).toEqual({
      names: ['a', 'b'],
      isAll: false,
    });
    expect(namesIn({ 'ce-kind': 'Node', 'ce-name': 'a' }, '{"changed":"all"}')).toEqual({ names: [], isAll: true });
  });
});

describe('the command line', () => {
  it('measures everything by default, the baseline where it takes a minute', () => {
    const { only, baseline, sizes, isSaved } = readOptions([]);
    expect(only).toContain('large-images');
    expect(baseline).toEqual([{ nodes: 10, images: 10 }]);
    expect(sizes.at(-1)).toEqual({ nodes: 5000, images: 50 });
    expect(isSaved).toBe(true);
  });

  it('picks benches and sizes', () => {
    const { only, sizes, check, baseline } = readOptions([
      ...['--only', 'rounds,refresh', '--sizes', '10x10', '--check', '', '--baseline', 'full'],
    ]);
    expect({ only, sizes, check }).toEqual({
      only: ['rounds', 'refresh'],
      sizes: [{ nodes: 10, images: 10 }],
      check: [],
    });
    expect(baseline).toContainEqual({ nodes: 100, images: 20 });
  });

  it('has a storm of changes of workloads', () => {
    expect(readOptions(['--storm', '2x10x20x5x8']).storm).toEqual({
      ...{ caches: 2, nodes: 10, workloads: 20, images: 5, changes: 8, seconds: 60 },
    });
    expect(() => readOptions(['--storm', '2x10'])).toThrow('--storm must be CACHESxNODES');
  });

  it('rejects invalid options', () => {
    expect(() => readOptions(['--only', 'nothing'])).toThrow('unknown bench "nothing"');
    expect(() => parseSizes('10')).toThrow('expected a size NODESxIMAGES, such as 100x20, not "10"');
    expect(() => readOptions(['--runs', 'x'])).toThrow('--runs must be a positive integer, not "x"');
    expect(() => readOptions(['--churn', '1x1,2x2'])).toThrow('expected one size');
  });
});
