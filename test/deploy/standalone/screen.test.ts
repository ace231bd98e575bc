import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { isLive, liveScreen, plainScreen } from '../../../deploy/standalone/screen.ts';

const lines = (...texts: readonly string[]) => texts.map((text) => ({ text }));

function recorder(of: { columns?: number; rows?: number } = {}) {
  const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 40, rows: 10, ...of });
  const written = (): string => String(stream.read() ?? '').replaceAll('\u001b', 'ESC');
  return { stream, written };
}

const erased = (rows: number): string => `ESC[${rows}AESC[1GESC[0J`;

const liveRows: readonly { when: string; isTTY?: boolean; env: Record<string, string>; is: boolean }[] = [
  { when: 'a terminal', isTTY: true, env: { TERM: 'xterm' }, is: true },
  { when: 'a terminal, and empty variables', isTTY: true, env: { NO_COLOR: '', CI: '' }, is: true },
  { when: 'a pipe', env: { TERM: 'xterm' }, is: false },
  { when: 'a terminal that cannot move its cursor', isTTY: true, env: { TERM: 'dumb' }, is: false },
  { when: 'NO_COLOR', isTTY: true, env: { NO_COLOR: '1' }, is: false },
  { when: 'CI', isTTY: true, env: { CI: 'true' }, is: false },
];

it.each(liveRows)('redraws: $is for $when', ({ isTTY, env, is }) => {
  const stream = new PassThrough();
  expect(isLive(isTTY === undefined ? stream : Object.assign(stream, { isTTY }), env)).toBe(is);
});

describe('on a terminal', () => {
  it('a view replaces the one before, and stays once something is printed', () => {
    const { stream, written } = recorder();
    const screen = liveScreen(stream, recorder().stream);
    screen.show(lines('a', 'b'));
    expect(written()).toBe('a\nb\n');
    screen.show(lines('c'));
    expect(written()).toBe(`${erased(2)}c\n`);
    screen.print(lines('d'));
    screen.show(lines('e'));
    expect(written()).toBe('d\ne\n');
  });

  it('the log is written above the view', () => {
    const { stream, written } = recorder();
    const screen = liveScreen(stream, stream);
    screen.show(lines('a'));
    screen.log.write('{"msg":"x"}\n');
    expect(written()).toBe(`a\n${erased(1)}{"msg":"x"}\na\n`);
  });

  it('a view is truncated to the terminal', () => {
    const { stream, written } = recorder({ columns: 20, rows: 4 });
    liveScreen(stream, stream).show(lines('a'.repeat(40), 'b', 'c', 'd', 'e'));
    expect(written()).toBe(`${'a'.repeat(16)}...\nb\n  and 3 lines more\n`);
  });
});

describe('without a terminal', () => {
  it('only new lines are printed, without colours', () => {
    const { stream, written } = recorder();
    const screen = plainScreen(stream, stream);
    screen.show([...lines('a'), { text: 'b', tone: 'bad' }]);
    screen.show(lines('a', 'c'));
    screen.log.write('log\n');
    screen.print(lines('d'));
    expect(written()).toBe('a\nb\nc\nlog\nd\n');
  });
});
