import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import { styleText } from 'node:util';
import type { Line, Tone } from './progress.ts';

/** Where a person reads: a picture that changes in place in a terminal, plain lines anywhere else. */
export type Screen = {
  /** Replaces the picture; elsewhere than in a terminal, prints those of its lines that are new. */
  readonly show: (lines: readonly Line[]) => void;
  /** Leaves the picture as it is and prints below it. */
  readonly print: (lines: readonly Line[]) => void;
  /** Standard error, kept out of the picture. */
  readonly log: { readonly write: (text: string) => void };
  /** Milliseconds after which a picture looks old; undefined where it is not drawn again. */
  readonly beat: number | undefined;
};

export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Only a terminal that can move its cursor, with somebody in front of it who has not asked for plain text. */
export const isLive = (output: Output, env: Environment): boolean =>
  output.isTTY === true && env['TERM'] !== 'dumb' && !env['NO_COLOR'] && !env['CI'];

/** Draws on a terminal. */
export function liveScreen(output: Output, errors: NodeJS.WritableStream): Screen {
  let picture: readonly Line[] = [];
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
    const lines = fitting(picture, output);
    output.write(written(lines));
    height = lines.length;
  };
  return {
    show: (lines) => {
      erase();
      picture = lines;
      draw();
    },
    print: (lines) => {
      picture = [];
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
    beat: 100,
  };
}

/** Prints one line after another. */
export function plainScreen(output: NodeJS.WritableStream, errors: NodeJS.WritableStream): Screen {
  let shown: ReadonlySet<string> = new Set();
  const print = (lines: readonly Line[]): void => void output.write(lines.map(({ text }) => `${text}\n`).join(''));
  return {
    show: (lines) => {
      print(lines.filter(({ text }) => !shown.has(text)));
      shown = new Set(lines.map(({ text }) => text));
    },
    print,
    log: { write: (text) => void errors.write(text) },
    beat: undefined,
  };
}

/** A picture that does not fit could not be redrawn: a terminal's cursor stays within its rows, and a long line takes two. */
function fitting(lines: readonly Line[], { columns = 80, rows = 24 }: Output): readonly Line[] {
  const room = Math.max(1, rows - 1);
  const kept = lines.length <= room ? lines : lines.slice(0, room - 1);
  const more = lines.length - kept.length;
  const whole = more === 0 ? kept : [...kept, { text: `  and ${more} lines more` }];
  return whole.map((line) => ({ ...line, text: cut(line.text, Math.max(10, columns - 1)) }));
}

const cut = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 3)}...`);

const colours = { busy: 'yellow', good: 'green', bad: 'red', quiet: 'gray' } as const satisfies Record<Tone, string>;

/** Node knows which terminals have colours. */
const coloured = ({ text, tone }: Line, stream: Output): string =>
  tone === undefined ? text : styleText(colours[tone], text, { stream });
