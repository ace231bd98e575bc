import { describe, expect, it } from 'vitest';
import { at, fitted } from './cost-model.ts';
import { svg } from './plots.ts';
import { formatted, percent, table } from './table.ts';
import { withSections } from './write-report.ts';

describe('a fitted line', () => {
  it('finds the line that the points are on', () => {
    const line = fitted([1, 2, 5, 10].map((x) => [x, 3 + 2 * x])) ?? { fixed: 0, slope: 0 };
    expect(line.fixed).toBeCloseTo(3, 9);
    expect(line.slope).toBeCloseTo(2, 9);
    expect(at(line, 100)).toBeCloseTo(203, 6);
  });

  it('weights a small point as much as a large one', () => {
    const line = fitted([
      [1, 1],
      [1, 3],
      [1000, 1000],
    ]) ?? { fixed: 0, slope: 0 };
    expect(at(line, 1)).toBeCloseTo(1.2, 9); // by absolute errors it would be 2
    expect(at(line, 1000)).toBeCloseTo(1000, 6);
  });

  it('never has a negative fixed cost', () => {
    const { fixed, slope } = fitted([1, 2, 4].map((x) => [x, 2 * x - 0.5])) ?? { fixed: -1, slope: 0 };
    expect(fixed).toBe(0);
    expect(slope).toBeGreaterThan(1.5);
  });

  it('needs three points', () => {
    expect(
      fitted([
        [1, 1],
        [2, 2],
      ]),
    ).toBeUndefined();
  });
});

describe('a table', () => {
  it('is Markdown with numbers aligned right', () => {
    expect(table([{ what: 'writes', n: 1346 }], { what: ({ what }) => what, n: ({ n }) => n })).toBe(
      ['| what   |     n |', '| ------ | ----: |', '| writes | 1,346 |'].join('\n'),
    );
    expect(table([], { what: () => '' })).toBe('');
  });

  it.each([
    [0, '0'],
    [0.698, '0.70'],
    [7, '7'],
    [12.34, '12.3'],
    [28_112, '28,112'],
    [1346.4, '1,346'],
    [Number.NaN, '–'],
  ])('formats %d as %s', (value, text) => expect(formatted(value)).toBe(text));

  it('formats an error with its sign', () => {
    expect([percent(0.071), percent(-0.2), percent(-0.001)]).toEqual(['+7 %', '−20 %', '+0 %']);
  });
});

describe('a plot', () => {
  const plot = svg({
    ...{ title: 'Memory', x: 'nodes', y: 'MB', log: { x: true, y: false } },
    points: [
      { x: 10, y: 100, series: 'A < B & "C"' },
      { x: 1000, y: 200, series: 'A < B & "C"' },
    ],
    dashes: [
      { x: 10, y: 110, series: 'goal' },
      { x: 1000, y: 190, series: 'goal' },
    ],
  });

  it('is one SVG with text that is legible on white and on black', async () => {
    const picture = await plot;
    expect(picture).toMatch(/^<svg [^]*<\/svg>\n$/);
    expect(picture).toContain('prefers-color-scheme:dark');
    expect(picture).not.toContain('NaN');
    expect(picture).not.toMatch(/<rect[^>]*fill="(?:white|#fff)/);
  });

  it('has every point and a dashed line', async () => {
    const picture = await plot;
    expect(picture.match(/aria-roledescription="point"/g)).toHaveLength(2);
    expect(picture.match(/aria-roledescription="line mark"[^>]*stroke-dasharray/g)).toHaveLength(1);
  });

  it('escapes its texts', async () => {
    expect(await plot).toContain('A &lt; B &amp; "C"</text>');
  });
});

describe('the page', () => {
  const page = 'before\n<!-- begin goals -->\nold\n<!-- end goals -->\nafter';

  it('has its tables replaced between their marks, and nothing else', () => {
    expect(withSections(page, { goals: 'new' })).toBe(
      'before\n<!-- begin goals -->\n\nnew\n\n<!-- end goals -->\nafter',
    );
  });

  it('shows what was not measured, and rejects an unknown mark', () => {
    expect(withSections(page, { goals: '' })).toContain('_Not measured yet._');
    expect(() => withSections(page, {})).toThrow('unknown section "goals"');
  });
});
