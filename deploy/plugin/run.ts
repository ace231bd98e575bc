import { version } from '#runtime/version.ts';
import { readArguments } from './arguments.ts';
import { type Command, exitCodes, UsageError } from './command.ts';
import { commands } from './commands.ts';
import { connect } from './connect.ts';
import { errorText } from './error-text.ts';
import { commandHelp, generalHelp } from './help.ts';
import { guarded, type Terminal } from './terminal.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Runs one call of the plugin, and answers with the exit code; what went wrong is told on standard error. */
export async function runPlugin(argv: readonly string[], env: Environment, given: Terminal): Promise<number> {
  const terminal = guarded(given);
  const [name, ...rest] = argv;
  try {
    if (name === undefined || ['help', '--help', '-h'].includes(name)) return say(terminal, helpFor(rest[0]));
    if (name === 'version' || name === '--version') return say(terminal, version);
    const command = commands[name];
    if (command === undefined) throw new UsageError(`unknown command "${name}"; see 'kubectl imagecache --help'`);
    if (rest.some((each) => each === '--help' || each === '-h')) return say(terminal, commandHelp(command));
    return await called(command, rest, { env, terminal });
  } catch (error) {
    terminal.note(errorText(error));
    return exitCodes.error;
  }
}

function helpFor(name: string | undefined): string {
  const command = name === undefined ? undefined : commands[name];
  return command === undefined ? generalHelp(commands) : commandHelp(command);
}

function say(terminal: Terminal, text: string): number {
  terminal.print(text);
  return exitCodes.good;
}

type Place = { readonly env: Environment; readonly terminal: Terminal };

async function called(command: Command, argv: readonly string[], { env, terminal }: Place): Promise<number> {
  const read = readArguments(argv, command);
  const { least, most } = command.names;
  if (read.names.length < least) throw new UsageError(`a name is missing: kubectl imagecache ${command.usage}`);
  if (read.names.length > most)
    throw new UsageError(`unexpected "${read.names[most] ?? ''}": kubectl imagecache ${command.usage}`);
  const api = connect({ kubeconfig: read.text('kubeconfig'), context: read.text('context') }, env);
  try {
    const namespace = read.text('namespace') ?? api.namespace;
    return await command.run({ ...read, api, terminal, namespace, allNamespaces: read.isOn('all-namespaces') });
  } finally {
    api.close();
  }
}
