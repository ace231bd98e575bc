import { styleText } from 'node:util';
import { printable } from '#model/text/printable.ts';

/** Where a command's output goes. */
export type Terminal = {
  /** Standard output, a line end after each text. */
  readonly print: (text: string) => void;
  /** Standard error: what is not the result. */
  readonly note: (text: string) => void;
  /** Characters that a line has room for; undefined where nothing is to be cut. */
  readonly width: number | undefined;
  /** Standard input to its end. */
  readonly input: () => Promise<string>;
  readonly colour: (tone: Tone, text: string) => string;
};

export type Tone = 'busy' | 'good' | 'bad' | 'quiet';

const colours = { busy: 'yellow', good: 'green', bad: 'red', quiet: 'gray' } as const satisfies Record<Tone, string>;

/** The terminal of this process. Node knows which ones have colours. */
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

/** A terminal that no text can steer, whatever names and messages it holds; only the colours above pass. */
export const guarded = (terminal: Terminal): Terminal => ({
  ...terminal,
  print: (text) => terminal.print(visibleButColours(text)),
  note: (text) => terminal.note(visibleButColours(text)),
});

/** Splits at what `colour` writes; every other part is the text between two of those. */
const visibleButColours = (text: string): string =>
  text
    .split(ownColours)
    .map((part, index) => (index % 2 === 1 ? part : printable(part)))
    .join('');

// eslint-disable-next-line no-control-regex -- they begin with one
const ownColours = /(\u001b\[(?:31|32|33|90|39)m)/;
