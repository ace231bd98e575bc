import { randomUUID } from 'node:crypto';
import { styleText } from 'node:util';
import { printable } from '#model/text/untrusted.ts';

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

/** A terminal that escapes control characters in names and messages; only what `colour` writes passes. */
export function sanitized(terminal: Terminal): Terminal {
  // Not to be guessed, so that no name or message can write it.
  const mark = `\u0000${randomUUID()} `;
  const marked = new RegExp(`${mark}(${Object.keys(colours).join('|')}) ([^\u0000]*)${mark}`);
  const escapedExceptMarked = (text: string): string =>
    text
      .split(marked)
      .map((part, index, parts) => {
        if (index % 3 === 0) return printable(part);
        const tone = tones.find((each) => each === parts[index - 1]);
        return tone === undefined || index % 3 === 1 ? '' : terminal.colour(tone, printable(part));
      })
      .join('');
  return {
    ...terminal,
    print: (text) => terminal.print(escapedExceptMarked(text)),
    note: (text) => terminal.note(escapedExceptMarked(text)),
    colour: (tone, text) => `${mark}${tone} ${text.replaceAll('\u0000', String.raw`\u0000`)}${mark}`,
  };
}

const tones = ['busy', 'good', 'bad', 'quiet'] as const satisfies readonly Tone[];
