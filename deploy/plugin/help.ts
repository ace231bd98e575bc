import { globalFlags } from './arguments.ts';
import type { Command, Flag } from './command.ts';
import { wrapped } from './table.ts';

/** The help of the whole plugin, as kubectl's looks. */
export function generalHelp(commands: Readonly<Record<string, Command>>): string {
  const wide = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    'Container images on nodes before the pods that need them: looks at ImageCaches, waits for them, asks for work.',
    '',
    'Available Commands:',
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(wide)}   ${summary}`),
    '',
    'Options of every command:',
    ...globalFlags.flatMap(flagHelp),
    '',
    'Usage:',
    '  kubectl imagecache COMMAND [options]',
    '',
    'Use "kubectl imagecache COMMAND --help" for more information about a given command.',
  ]
    .flatMap((line) => (line.length <= 80 ? line : wrapped(line, 80)))
    .join('\n');
}

/** The help of one command. */
export function commandHelp({ description, examples, flags, usage }: Command): string {
  return [
    ...description.split('\n\n').flatMap((paragraph) => [...wrapped(paragraph, 78).map((line) => ` ${line}`), '']),
    'Examples:',
    examples.map(([what, how]) => `  # ${what}\n  kubectl imagecache ${how}`).join('\n\n'),
    '',
    ...(flags.length === 0 ? [] : ['Options:', ...flags.flatMap(flagHelp), '']),
    'Usage:',
    `  kubectl imagecache ${usage} [options]`,
    '',
    'Options of every command: "kubectl imagecache --help".',
  ].join('\n');
}

function flagHelp({ name, short, value, isList = false, fallback, help }: Flag): readonly string[] {
  const initial = value === undefined ? 'false' : isList ? '[]' : `'${fallback ?? ''}'`;
  const both = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return [`    ${both}=${initial}:`, ...wrapped(help, 70).map((line) => `        ${line}`)];
}
