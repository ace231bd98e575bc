import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import { styleText } from 'node:util';
import { printable } from '#model/text/untrusted.ts';
import type { Line, Tone } from './progress.ts';

/** Output for a person: a view redrawn in place on a terminal, plain lines anywhere else. */
export type Screen = {
  /** Replaces the view; without a terminal, prints its new lines only. */
  readonly show: (lines: readonly Line[]) => void;
  /** Keeps the view and prints below it. */
  readonly print: (lines: readonly Line[]) => void;
  /** Writes to standard error without damage to the view. */
  readonly log: { readonly write: (text: string) => void };
  /** Milliseconds between two redraws; undefined where nothing is redrawn. */
  readonly interval: number | undefined;
};

export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether to redraw: only on a terminal that can move its cursor, outside CI and unless NO_COLOR is set. */
export const isLive = (output: Output, env: Environment): boolean =>
  output.isTTY === true && env['TERM'] !== 'dumb' && !env['NO_COLOR'] && !env['CI'];

/** Draws on a terminal. */
export function liveScreen(output: Output, errors: NodeJS.WritableStream): Screen {
  let view: readonly Line[] = [];
  let height = 0;
  const written = (lines: readonly Line[]): string => lines.map((line) => `${coloured(line, output)}\n`).join('');
  const erase = (): void => {
    if (height === 0) return;
    moveCursor(output, 0, -height);
    cursorTo(output, 0);
    clearScreenDown(output);
    height = 0;
  };
  const draw = (): void => {
    const lines = fitting(view, output);
    output.write(written(lines));
    height = lines.length;
  };
  return {
    show: (lines) => {
      erase();
      view = lines;
      draw();
    },
    print: (lines) => {
      view = [];
      height = 0;
      output.write(written(lines));
    },
    log: {
      write: (text) => {
        erase();
        errors.write(text);
        draw();
      },
    },
    interval: 100,
  };
}

/** Prints one line after another. */
export function plainScreen(output: NodeJS.WritableStream, errors: NodeJS.WritableStream): Screen {
  let shown: ReadonlySet<string> = new Set();
  const print = (lines: readonly Line[]): void =>
    void output.write(lines.map(({ text }) => `${printable(text)}\n`).join(''));
  return {
    show: (lines) => {
      print(lines.filter(({ text }) => !shown.has(text)));
      shown = new Set(lines.map(({ text }) => text));
    },
    print,
    log: { write: (text) => void errors.write(text) },
    interval: undefined,
  };
}

/** Truncates a view to the terminal: the cursor cannot move above its first row, and a long line would take two rows. */
function fitting(lines: readonly Line[], { columns = 80, rows = 24 }: Output): readonly Line[] {
  const room = Math.max(1, rows - 1);
  const kept = lines.length <= room ? lines : lines.slice(0, room - 1);
  const more = lines.length - kept.length;
  const whole = more === 0 ? kept : [...kept, { text: `  and ${more} lines more` }];
  return whole.map((line) => ({ ...line, text: cut(line.text, Math.max(10, columns - 1)) }));
}

const cut = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 3)}...`);

const colours = { busy: 'yellow', good: 'green', bad: 'red', quiet: 'gray' } as const satisfies Record<Tone, string>;

/** `styleText` checks whether the stream supports colours. */
const coloured = ({ text, tone }: Line, stream: Output): string =>
  tone === undefined ? text : styleText(colours[tone], text, { stream });
