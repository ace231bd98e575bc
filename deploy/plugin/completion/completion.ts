import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { paths } from '#runtime/api/paths.ts';
import { globalFlags } from '../arguments.ts';
import type { Command, Flag } from '../command.ts';

/**
 * The program that kubectl asks for completions of `kubectl imagecache`, in bash, zsh and fish alike: an executable
 * `kubectl_complete-imagecache` on the PATH.
 */
export const completionProgram = `#!/bin/sh
# Completions of "kubectl imagecache" for kubectl's own, in every shell: put this on the PATH as kubectl_complete-imagecache.
exec kubectl imagecache __complete "$@"
`;

/** Candidates with their descriptions, and whether a file name may follow as well. */
type Completion = { readonly candidates: readonly string[]; readonly isFile?: boolean };

export type Completing = {
  readonly commands: Readonly<Record<string, Command>>;
  /** The words so far; the last one is being typed, and may be ''. */
  readonly words: readonly string[];
  /** Connects with the flags given so far. */
  readonly connect: (words: readonly string[]) => { readonly api: Api; readonly namespace: string };
};

/** What kubectl reads: a candidate per line, then how to treat them. Never throws: without a cluster there are no names. */
export async function completion(completing: Completing): Promise<string> {
  const { candidates, isFile = false } = await candidatesFor(completing).catch((): Completion => ({ candidates: [] }));
  const typed = completing.words.at(-1) ?? '';
  // Cobra's directives: 0 allows file names, 4 does not.
  return [...candidates.filter((each) => each.startsWith(typed)), isFile ? ':0' : ':4'].join('\n');
}

async function candidatesFor({ commands, words, connect }: Completing): Promise<Completion> {
  const [name = '', ...rest] = words;
  if (rest.length === 0)
    return { candidates: Object.entries(commands).map(([each, { summary }]) => `${each}\t${summary}`) };
  const command = commands[name];
  if (command === undefined) return { candidates: [] };
  const flags = [...command.flags, ...globalFlags];
  const valued = flagOf(flags, rest.at(-2));
  if (valued?.value !== undefined) return valuesOf(valued);
  if (rest.at(-1)?.startsWith('-') === true)
    return { candidates: flags.map(({ name: flag, help }) => `--${flag}\t${help}`) };
  const names = namesIn(rest.slice(0, -1), flags);
  if (names.length >= command.nameCount.max) return { candidates: [] };
  const { api, namespace } = connect(words.slice(0, -1));
  try {
    if (name === 'auth') return { candidates: await namesFrom(api, '/api/v1/namespaces') };
    const isNode = name === 'explain' && names.length === 1;
    return { candidates: await namesFrom(api, isNode ? paths.nodes : paths.caches(namespace)) };
  } finally {
    api.close();
  }
}

const flagOf = (flags: readonly Flag[], word = ''): Flag | undefined =>
  flags.find(({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`));

function valuesOf({ name }: Flag): Completion {
  if (name === 'output') return { candidates: ['json', 'yaml', 'wide'] };
  if (name === 'for') return { candidates: ['over', 'ready'] };
  return { candidates: [], isFile: name === 'filename' || name === 'kubeconfig' || name === 'values' };
}

/** The words that are neither flags nor their values. */
const namesIn = (words: readonly string[], flags: readonly Flag[]): readonly string[] =>
  words.filter((word, index) => !word.startsWith('-') && flagOf(flags, words[index - 1])?.value === undefined);

const named = z.object({ metadata: z.object({ name: z.string() }) });

const namesFrom = (api: Api, path: string): Promise<readonly string[]> =>
  listItems(api, path, { bound: 'page_nodes', parse: (object) => named.parse(object).metadata.name });
