import { version } from '#runtime/version.ts';
import { readArguments } from './arguments.ts';
import { type Command, exitCodes, UsageError } from './command.ts';
import { commands } from './commands.ts';
import { completion, completionProgram } from './completion/completion.ts';
import { connect } from './connect.ts';
import { errorText } from './error-text.ts';
import { commandHelp, generalHelp } from './help.ts';
import { sanitized, type Terminal } from './terminal.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs the plugin and returns the exit code. Errors go to standard error. */
export async function runPlugin(argv: readonly string[], env: Environment, output: Terminal): Promise<number> {
  const terminal = sanitized(output);
  const [name, ...rest] = argv;
  try {
    if (name === undefined || ['help', '--help', '-h'].includes(name)) return printed(terminal, helpFor(rest[0]));
    if (name === 'completion') return printed(terminal, completionProgram.trimEnd());
    if (name === '__complete')
      return printed(terminal, await completion({ commands, words: rest, connect: connecting(env) }));
    if (name === 'version' || name === '--version') return printed(terminal, version);
    const command = commands[name];
    if (command === undefined) throw new UsageError(`unknown command "${name}"; see 'kubectl imagecache --help'`);
    if (rest.some((each) => each === '--help' || each === '-h')) return printed(terminal, commandHelp(command));
    return await runCommand(command, rest, { env, terminal });
  } catch (error) {
    terminal.note(errorText(error));
    return exitCodes.error;
  }
}

function helpFor(name: string | undefined): string {
  const command = name === undefined ? undefined : commands[name];
  return command === undefined ? generalHelp(commands) : commandHelp(command);
}

function printed(terminal: Terminal, text: string): number {
  terminal.print(text);
  return exitCodes.good;
}

/** Connects for a completion, with the flags that are typed so far. */
const connecting = (env: Environment) => (words: readonly string[]) => {
  const valueOf = (...flags: readonly string[]): string | undefined =>
    words[words.findIndex((word) => flags.includes(word)) + 1];
  const given = (...flags: readonly string[]): string | undefined =>
    words.some((word) => flags.includes(word)) ? valueOf(...flags) : undefined;
  const api = connect({ kubeconfig: given('--kubeconfig'), context: given('--context') }, env);
  return { api, namespace: given('--namespace', '-n') ?? api.namespace };
};

type Process = { readonly env: Environment; readonly terminal: Terminal };

async function runCommand(command: Command, argv: readonly string[], { env, terminal }: Process): Promise<number> {
  const args = readArguments(argv, command);
  const { min, max } = command.nameCount;
  if (args.names.length < min) throw new UsageError(`a name is missing: kubectl imagecache ${command.usage}`);
  if (args.names.length > max)
    throw new UsageError(`unexpected "${args.names[max] ?? ''}": kubectl imagecache ${command.usage}`);
  const api = connect({ kubeconfig: args.text('kubeconfig'), context: args.text('context') }, env);
  try {
    const namespace = args.text('namespace') ?? api.namespace;
    return await command.run({ ...args, api, terminal, namespace, allNamespaces: args.isOn('all-namespaces') });
  } finally {
    api.close();
  }
}
