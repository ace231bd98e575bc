import { expect, it } from 'vitest';
import { repetitions } from '../support/repetitions.ts';
import { runFuzz } from './run-fuzz.ts';

const requests = repetitions(500, 1_500);

it(`survives ${requests} hostile requests: correct responses, allowed API paths only, bounded time and memory`, async () => {
  const { wrong, statuses, slowest, growth } = await runFuzz({ requests, seed: 20_261_125 });
  expect(wrong).toEqual([]);
  expect(statuses).toMatchObject({ 204: expect.any(Number) as number, 400: expect.any(Number) as number });
  expect(slowest).toBeLessThan(20_000);
  expect(growth).toBeLessThan(600);
}, 120_000);
