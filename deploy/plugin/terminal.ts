import { styleText } from 'node:util';
import { printable } from '#model/text/printable.ts';

/** Input and output of a command. */
export type Terminal = {
  /** Writes a line to standard output. */
  readonly print: (text: string) => void;
  /** Writes a line to standard error, for all but the result. */
  readonly note: (text: string) => void;
  /** Width of a line in characters; undefined if lines are not truncated. */
  readonly width: number | undefined;
  /** Reads standard input to its end. */
  readonly input: () => Promise<string>;
  readonly colour: (tone: Tone, text: string) => string;
};

export type Tone = 'busy' | 'good' | 'bad' | 'quiet';

const colours = { busy: 'yellow', good: 'green', bad: 'red', quiet: 'gray' } as const satisfies Record<Tone, string>;

/** The terminal of this process. Node detects whether it supports colours. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process;
  return {
    print: (text) => void stdout.write(`${text}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    width: stdout.isTTY ? stdout.columns : undefined,
    input: async () => (await stdin.toArray()).join(''),
    colour: (tone, text) => styleText(colours[tone], text, { stream: stdout }),
  };
}

/** A terminal that escapes control characters in names and messages; only the colours above pass. */
export const sanitized = (terminal: Terminal): Terminal => ({
  ...terminal,
  print: (text) => terminal.print(escapedExceptColours(text)),
  note: (text) => terminal.note(escapedExceptColours(text)),
});

/** Splits at the sequences that `colour` writes; the other parts are text. */
const escapedExceptColours = (text: string): string =>
  text
    .split(ownColours)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join('');

// eslint-disable-next-line no-control-regex -- the sequences start with a control character
const ownColours = /(\u001b\[(?:31|32|33|90|39)m)/;
