import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../../cluster/run.ts';
import { repetitions } from '../../support/repetitions.ts';
import { type Observed, violations } from './rules.ts';

// In a process of its own, as it replaces the clock, random numbers and network of the process.
const hostile = (...args: readonly string[]) =>
  run(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { timeout: 1_700_000 });

const histories = repetitions(4, 300);

describe('a hostile tenant of tenancy: Isolated', () => {
  it('reaches, removes and learns nothing of others by random manifests', { timeout: 1_800_000 }, async () => {
    const { stdout, code } = await hostile('--histories', `${histories}`, '--seed', '1');
    expect({ stdout, code }).toMatchObject({ stdout: expect.stringContaining('no violation') as string, code: 0 });
    const [, accepted, jobs] = /: (\d+) manifests accepted, .* (\d+) Jobs/.exec(stdout) ?? [];
    expect(Number(accepted)).toBeGreaterThan(5 * histories);
    expect(Number(jobs)).toBeGreaterThan(histories);
  });

  it(
    'does not hold up a neighbour that needs a node while images of the tenant are removed there',
    { timeout: 60_000 },
    async () => {
      const { stdout } = await hostile('--histories', '1', '--seed', '1001');
      expect(Number(/at most ([\d.]+) ×/.exec(stdout)?.[1])).toBeLessThan(2);
    },
  );

  it('is held off by the tenancy: the same manifests reach others without it', { timeout: 60_000 }, async () => {
    const { stdout, code } = await hostile('--histories', '1', '--seed', '26', '--tenancy', 'Trusted');
    expect(code).toBe(1);
    for (const rule of ['named', 'removed', 'pulled']) expect(stdout).toContain(`violation: ${rule}: `);
  });
});

describe('the rules', () => {
  const allowed = 'registry.example/tenant/app:1';
  const lawful: Observed = {
    secret: 'zq1zq',
    asked: [allowed, 'registry.example/shared/base:1'],
    named: [allowed],
    removed: [allowed],
    onNodes: new Map([
      ['n1', new Set([allowed, 'registry.example/zq1zq/private:1', 'registry.example/neighbour/web:1'])],
    ]),
    lost: [],
    readable: new Set(['{"message":"Refused"}']),
    neighbour: 1000,
  };
  const others = 'registry.example/neighbour/web:1';
  const rows: readonly (readonly [string, Partial<Observed>])[] = [
    ['asked', { asked: ['evil.example/x:1'] }],
    ['named', { named: [others] }],
    ['pulled', { onNodes: new Map([['n1', new Set(['evil.example/x:1'])]]) }],
    ['removed', { removed: [others] }],
    ['lost', { lost: [others] }],
    ['told', { readable: new Set(['{"by":"ns-zq1zq/web"}']) }],
    ['neighbour', { neighbour: undefined }],
  ];

  it('allow what a tenant may do', () => {
    expect(violations(lawful)).toEqual([]);
  });

  it.each(rows)('find what is %s', (rule, broken) => {
    expect(violations({ ...lawful, ...broken })).toEqual([expect.stringMatching(new RegExp(`^${rule}: `))]);
  });
});
