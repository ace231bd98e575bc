import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import { type Command, type Flag, type Output, outputs, UsageError } from './command.ts';

export const globalFlags: readonly Flag[] = [
  { name: 'namespace', short: 'n', value: 'NAME', help: 'The namespace. Default: the namespace of the context.' },
  { name: 'all-namespaces', short: 'A', help: 'If a command lists caches, list those of all namespaces.' },
  { name: 'context', value: 'NAME', help: 'The context of the kubeconfig to use. Default: the current one.' },
  { name: 'kubeconfig', value: 'FILE', help: 'The kubeconfig to use. Default: KUBECONFIG, then ~/.kube/config.' },
  { name: 'output', short: 'o', value: 'FORMAT', help: 'Output format: json, yaml or wide.' },
  { name: 'help', short: 'h', help: 'Help about a command.' },
];

export type Arguments = {
  readonly names: readonly string[];
  readonly output: Output;
  readonly text: (flag: string) => string | undefined;
  readonly texts: (flag: string) => readonly string[];
  readonly isOn: (flag: string) => boolean;
};

/** Parses the arguments of a command. Throws `UsageError` for an unknown flag. */
export function readArguments(argv: readonly string[], command: Command): Arguments {
  const { values, positionals } = parsed(argv, optionsOf([...command.flags, ...globalFlags]));
  const value = (flag: string): unknown => values[flag];
  const text = (flag: string): string | undefined => {
    const given = value(flag);
    return typeof given === 'string' ? given : undefined;
  };
  return {
    names: positionals,
    output: outputOf(text('output') ?? ''),
    text,
    texts: (flag) => [value(flag)].flat().filter((each) => typeof each === 'string'),
    isOn: (flag) => value(flag) === true,
  };
}

function parsed(argv: readonly string[], options: ParseArgsOptionsConfig) {
  try {
    return parseArgs({ args: argv.map(withoutTrue), options, allowPositionals: true });
  } catch (error) {
    // The first sentence names the flag; the rest is about the parser of Node.
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split(/\. /)[0] ?? message);
  }
}

/** kubectl also accepts switches with a value. */
const withoutTrue = (argument: string): string => argument.replace(/^(--[a-z-]+)=true$/, '$1');

const optionsOf = (flags: readonly Flag[]): ParseArgsOptionsConfig =>
  Object.fromEntries(
    flags.map(({ name, short, value, isList = false, fallback }) => [
      name,
      {
        type: value === undefined ? ('boolean' as const) : ('string' as const),
        ...(isList && { multiple: true }),
        ...(short !== undefined && { short }),
        ...(fallback !== undefined && { default: fallback }),
      },
    ]),
  );

function outputOf(text: string): Output {
  const output = outputs.find((each) => each === text);
  if (output === undefined) throw new UsageError(`unable to match "${text}" as an output format: json, yaml, wide`);
  return output;
}
