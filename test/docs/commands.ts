import { commandTable, type Ring, type Row } from './command-table.ts';
import { pages, type Page } from './pages.ts';

/** A command of a console block. */
export type Command = {
  readonly page: string;
  /** On one line and without comments. */
  readonly text: string;
  /** As a user would paste it. */
  readonly script: string;
};

/** A command begins with `$ `; indented lines right after it belong to it, and everything else is its output. */
function commandsIn({ path, text }: Page): readonly Command[] {
  return blocksIn(text)
    .flatMap(scriptsIn)
    .map((script) => ({ page: path, text: flat(script), script }));
}

/** The row that names the command: the same text, or else the longest beginning of it. */
export const rowOf = ({ text }: Command): Row | undefined =>
  commandTable.find(({ command }) => command === text) ??
  commandTable
    .filter(({ command }) => command.endsWith('…') && text.startsWith(command.slice(0, -1)))
    .toSorted((a, b) => b.command.length - a.command.length)[0];

/** What a ring runs, in the order of the table; a command that several pages have is run once. */
export function commandsOn(ring: Ring): readonly (Command & { readonly afterwards: string | undefined })[] {
  return commandTable.flatMap((row) => {
    if (!('ring' in row) || row.ring !== ring) return [];
    const own = commands.filter((command) => rowOf(command) === row);
    const first = new Map(own.toReversed().map((command) => [command.text, command]));
    return [...first.values()].toReversed().map((command) => ({ ...command, afterwards: row.afterwards }));
  });
}

/** Console blocks, without the indentation of a list around them. */
const blocksIn = (text: string): readonly string[] =>
  [...text.matchAll(/^( *)```console\n([^]*?)^ *```$/gm)].map(([, indent = '', block = '']) =>
    block.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );

const scriptsIn = (block: string): readonly string[] =>
  [...block.matchAll(/^\$ (.*(?:\n {2}.*)*)/gm)].map(([, script = '']) => script);

const flat = (script: string): string =>
  script
    .split('\n')
    .map((line) =>
      line
        .replace(/ +# .*$/, '')
        .replace(/\\$/, '')
        .trim(),
    )
    .join(' ');

export const commands: readonly Command[] = pages.flatMap(commandsIn);
