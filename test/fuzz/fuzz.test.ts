import { expect, it } from 'vitest';
import { runFuzz } from './run-fuzz.ts';

it('survives 1,500 hostile requests: correct responses, allowed API paths only, bounded time and memory', async () => {
  const { wrong, statuses, slowest, growth } = await runFuzz({ requests: 1_500, seed: 20_261_125 });
  expect(wrong).toEqual([]);
  expect(statuses).toMatchObject({ 204: expect.any(Number) as number, 400: expect.any(Number) as number });
  expect(slowest).toBeLessThan(20_000);
  expect(growth).toBeLessThan(600);
}, 120_000);
