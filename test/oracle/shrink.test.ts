import { expect, it } from 'vitest';
import type { History } from './history.ts';
import { shrink } from './shrink.ts';

const label = (zone: 'a' | 'b') => ({ type: 'label', node: 'n1', zone, after: 0 }) as const;
const history: History = {
  nodes: [
    { name: 'n1', zone: 'a' },
    { name: 'n2', zone: 'b' },
  ],
  steps: [
    label('a'),
    { type: 'quota', is: true, after: 1500 },
    label('b'),
    label('a'),
    { type: 'delete', cache: 'web', after: 'settled' },
    label('b'),
  ],
};

it('keeps the steps and nodes without which a history does not fail, in their order', async () => {
  const needs = ['quota', 'delete'];
  const fails = ({ nodes, steps }: History): Promise<boolean> =>
    Promise.resolve(
      nodes.some(({ name }) => name === 'n2') && needs.every((type) => steps.some((step) => step.type === type)),
    );
  const shortest = await shrink(history, fails);
  expect(shortest).toEqual({
    nodes: [{ name: 'n2', zone: 'b' }],
    steps: [
      { type: 'quota', is: true, after: 1500 },
      { type: 'delete', cache: 'web', after: 'settled' },
    ],
  });
});
