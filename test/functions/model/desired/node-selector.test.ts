import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { selectsLabels } from '#model/cache/spec-schema.ts';
import { labelSelectorOf, selectsNode } from '#model/desired/node-selector.ts';
import { matchesLabels, parseLabelSelector } from '@imagecache-functions/simulator/testing';

const key = fc.constantFrom('pool', 'kubernetes.io/hostname', 'a.b/c_d', 'not a key', '');
const value = fc.constantFrom('blue', 'node-1', 'x.y_z', '5', '', 'two words', 'a,b', 'in (a)', '-');
const expression = fc.record({
  key,
  operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'),
  values: fc.array(value, { maxLength: 3 }),
});
const list = fc.record({
  nodeSelector: fc.dictionary(key, value, { maxKeys: 2 }),
  nodeMatchExpressions: fc.array(expression, { maxLength: 3 }),
});
const node = fc.record({ labels: fc.dictionary(key, value) });

describe('the label selector of a list', () => {
  it('matches every node that the list selects, and can be parsed', () =>
    fc.assert(
      fc.property(list, node, (selecting, selected) => {
        const requirements = parseLabelSelector(labelSelectorOf(selecting));
        fc.pre(selectsNode(selecting, selected));
        expect(matchesLabels(selected.labels, requirements)).toBe(true);
      }),
      { numRuns: 2_000 },
    ));

  it.each([
    { nodeSelector: { pool: 'blue' }, nodeMatchExpressions: [], is: 'pool in (blue)' },
    {
      nodeSelector: {},
      nodeMatchExpressions: [
        { key: 'pool', operator: 'NotIn', values: ['blue', 'red'] },
        { key: 'gpu', operator: 'Exists', values: [] },
        { key: 'old', operator: 'DoesNotExist', values: [] },
      ],
      is: 'pool notin (blue,red),gpu,!old',
    },
    { nodeSelector: {}, nodeMatchExpressions: [{ key: 'size', operator: 'Gt', values: ['5'] }], is: '' },
    { nodeSelector: { pool: 'two words' }, nodeMatchExpressions: [], is: '' },
    { nodeSelector: {}, nodeMatchExpressions: [], is: '' },
  ] as const)('is "$is"', ({ is, ...selecting }) => expect(labelSelectorOf(selecting)).toBe(is));
});

describe('labels with the names of properties that every object has', () => {
  const none = { nodeSelector: {}, nodeMatchExpressions: [] };

  it('are on no node that does not have them', () => {
    const expression = (operator: 'Exists' | 'DoesNotExist') => ({
      ...none,
      nodeMatchExpressions: [{ key: 'constructor', operator, values: [] }],
    });
    expect(selectsNode(expression('Exists'), { labels: {} })).toBe(false);
    expect(selectsNode(expression('DoesNotExist'), { labels: {} })).toBe(true);
    expect(selectsNode(expression('Exists'), { labels: { constructor: 'acme' } })).toBe(true);
  });

  it('are on no workload that does not have them', () => {
    const selector = (operator: 'Exists' | 'DoesNotExist') => ({
      matchLabels: {},
      matchExpressions: [{ key: 'constructor', operator, values: [] }],
    });
    expect(selectsLabels(selector('Exists'), {})).toBe(false);
    expect(selectsLabels(selector('DoesNotExist'), {})).toBe(true);
  });
});
