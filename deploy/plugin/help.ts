import { globalFlags } from './arguments.ts';
import type { Command, Flag } from './command.ts';
import { wrapped } from './table.ts';

/** The help of the plugin, in the format of kubectl. */
export function generalHelp(commands: Readonly<Record<string, Command>>): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    'Inspects ImageCaches, waits for them, and requests refreshes and purges.',
    '',
    'Available Commands:',
    ...Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(width)}   ${summary}`),
    '',
    'Global options:',
    ...globalFlags.flatMap(flagHelp),
    '',
    'Completions in bash, zsh and fish: save the output of "kubectl imagecache completion" as an executable kubectl_complete-imagecache on the PATH.',
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
    examples.map(([text, command]) => `  # ${text}\n  kubectl imagecache ${command}`).join('\n\n'),
    '',
    ...(flags.length === 0 ? [] : ['Options:', ...flags.flatMap(flagHelp), '']),
    'Usage:',
    `  kubectl imagecache ${usage} [options]`,
    '',
    'Use "kubectl imagecache --help" for the global options.',
  ].join('\n');
}

function flagHelp({ name, short, value, isList = false, fallback, help }: Flag): readonly string[] {
  const defaultValue = value === undefined ? 'false' : isList ? '[]' : `'${fallback ?? ''}'`;
  const names = short === undefined ? `--${name}` : `-${short}, --${name}`;
  return [`    ${names}=${defaultValue}:`, ...wrapped(help, 70).map((line) => `        ${line}`)];
}
