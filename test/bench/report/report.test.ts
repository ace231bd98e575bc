import { describe, expect, it } from 'vitest';
import { chart, type Chart } from './chart.ts';
import { errorOf, fitted, predicted } from './fit.ts';
import { scaleOf } from './scale.ts';
import { percent, table, told } from './table.ts';
import { withSections } from './write-report.ts';

describe('a fitted model', () => {
  const line = [1, 2, 5, 10].map((x) => ({ terms: [1, x], value: 3 + 2 * x }));

  it('finds what the points were made of', () => {
    const [constant = 0, slope = 0] = fitted(line);
    expect(constant).toBeCloseTo(3, 9);
    expect(slope).toBeCloseTo(2, 9);
    expect(predicted([constant, slope], [1, 100])).toBeCloseTo(203, 6);
  });

  it('counts a small point as much as a large one', () => {
    const [slope = 0] = fitted([
      { terms: [1], value: 2 },
      { terms: [1000], value: 1000 },
    ]);
    expect(slope).toBeCloseTo((1 / 2 + 1) / (1 / 4 + 1), 9); // by absolute errors it would be 1.000001
  });

  it('has no negative cost, and fits the others without it', () => {
    const [constant, slope = 0] = fitted([1, 2, 4].map((x) => ({ terms: [1, x], value: 2 * x - 0.5 })));
    expect(constant).toBe(0);
    expect(slope).toBeGreaterThan(1.5);
  });

  it('refuses fewer points than terms, and terms that are the same', () => {
    expect(() => fitted(line.slice(0, 1))).toThrow('1 points do not settle 2 terms');
    expect(() => fitted(line.map(({ value }) => ({ terms: [1, 1], value })))).toThrow('do not differ');
  });

  it('tells its error in proportion', () => {
    expect(errorOf([2], { terms: [11], value: 20 })).toBeCloseTo(0.1, 9);
  });
});

describe('a table', () => {
  it('is Markdown, numbers to the right', () => {
    expect(table(['what', 'n'], [['writes', '1,346']])).toBe(
      ['| what   |     n |', '| ------ | ----: |', '| writes | 1,346 |'].join('\n'),
    );
  });

  it.each([
    [0, '0'],
    [0.698, '0.70'],
    [7, '7'],
    [12.34, '12.3'],
    [28_112, '28,112'],
    [1346.4, '1,346'],
    [Number.NaN, '–'],
  ])('tells %d as %s', (value, text) => expect(told(value)).toBe(text));

  it('tells an error with its sign', () => {
    expect([percent(0.071), percent(-0.2), percent(-0.001)]).toEqual(['+7 %', '−20 %', '+0 %']);
  });
});

describe('a scale', () => {
  it('goes by whole powers of ten, from the one below to the one above', () => {
    const { at, ticks } = scaleOf('log', [30, 4000], [0, 300]);
    expect(ticks).toEqual([10, 100, 1000, 10_000]);
    expect([10, 100, 10_000].map(at)).toEqual([0, 100, 300]);
  });

  it('begins at 0 and ends above the largest in round steps', () => {
    const { at, ticks } = scaleOf('linear', [120, 230], [400, 0]);
    expect(ticks).toEqual([0, 50, 100, 150, 200, 250]);
    expect(at(125)).toBe(200);
  });

  it('bears a single value', () => {
    expect(scaleOf('log', [100], [0, 1]).ticks).toEqual([100, 1000]);
    expect(scaleOf('linear', [0], [0, 1]).at(0)).toBe(0);
  });
});

describe('a chart', () => {
  const example: Chart = {
    title: 'A < B & "C"',
    x: { name: 'nodes', kind: 'log' },
    y: { name: 'MB', kind: 'linear' },
    series: [
      {
        name: 'measured',
        as: 'points',
        colour: 0,
        points: [
          [10, 100],
          [1000, 200],
        ],
      },
      {
        name: 'model',
        as: 'dashes',
        colour: 1,
        points: [
          [10, 110],
          [1000, 190],
        ],
      },
    ],
  };

  it('is one SVG whose texts are readable on white and on black', () => {
    const picture = chart(example);
    expect(picture).toMatch(/^<svg [^]*<\/svg>\n$/);
    expect(picture).toContain('prefers-color-scheme: dark');
    expect(picture).not.toContain('NaN');
    expect(picture).not.toMatch(/<rect[^>]*fill="(?:white|#fff)/);
  });

  it('shows every point with what it is, and the line dashed', () => {
    const picture = chart(example);
    expect(picture.match(/<circle[^>]*><title>/g)).toHaveLength(2);
    expect(picture).toContain('<title>measured: 1,000, 200</title>');
    expect(picture.match(/<polyline[^>]*stroke-dasharray/g)).toHaveLength(1);
  });

  it('lets no text become markup', () => {
    expect(chart(example)).toContain('A &lt; B &amp; &quot;C&quot;</text>');
  });
});

describe('the page', () => {
  const page = 'before\n<!-- begin goals -->\nold\n<!-- end goals -->\nafter';

  it('has its tables put anew between their marks, and all else left as it is', () => {
    expect(withSections(page, { goals: 'new' })).toBe(
      'before\n<!-- begin goals -->\n\nnew\n\n<!-- end goals -->\nafter',
    );
  });

  it('says what was not measured, and refuses a mark that names nothing', () => {
    expect(withSections(page, { goals: '' })).toContain('_Not measured yet._');
    expect(() => withSections(page, {})).toThrow('there is no section "goals"');
  });
});
