import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { completionProgram } from '../../../deploy/plugin/completion/completion.ts';
import { run } from '../../cluster/run.ts';
import { kubectls, testSimulator, type TestSimulator } from '@imagecache-functions/simulator/testing';

/** Real shells ask kubectl's completion, which asks the plugin for a command and then for the nodes of a simulated cluster. */

const scripts = {
  bash: `source <(kubectl completion bash)
_get_comp_words_by_ref() { cur=\${COMP_WORDS[COMP_CWORD]} words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD; }
__ltrim_colon_completions() { :; }
compopt() { :; }
complete_line() { read -ra COMP_WORDS <<< "$1"; COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMP_TYPE=9; __start_kubectl; printf '%s\\n' "\${COMPREPLY[@]}"; }
complete_line 'kubectl imagecache ex'
complete_line 'kubectl imagecache explain web node-'`,
  // A terminal in which somebody types and presses Tab.
  zsh: `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "unsetopt zle_bracketed_paste; stty cols 200; autoload -Uz compinit; compinit -u -D; source <(kubectl completion zsh); print REA''DY"
zpty -r z out '*READY*'
zpty -w -n z $'kubectl imagecache ex\\t'
zpty -r z out '*explain *'; print -r -- "$out"
zpty -w -n z $'web node-\\t\\t'
zpty -r z out '*node-3*'; print -r -- "$out"
zpty -d z`,
  fish: `kubectl completion fish | source
complete -C 'kubectl imagecache ex'
complete -C 'kubectl imagecache explain web node-'`,
} as const;

const options = { bash: ['--norc', '-c'], zsh: ['-f', '-c'], fish: ['--no-config', '-c'] } as const;
const shells = ['bash', 'zsh', 'fish'] as const;

function isInstalled(shell: string): boolean {
  try {
    execFileSync(shell, ['-c', 'true']);
    return true;
  } catch {
    return false;
  }
}
const installed = shells.filter(isInstalled);

let cluster: TestSimulator;
let folder: string;

beforeAll(async () => {
  cluster = await testSimulator({ nodes: 3 });
  folder = await mkdtemp(join(tmpdir(), 'completion-'));
  const main = join(import.meta.dirname, '../../../deploy/plugin/main.ts');
  await program('kubectl-imagecache', `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`);
  await program('kubectl_complete-imagecache', completionProgram);
});

afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true });
});

async function program(name: string, text: string): Promise<void> {
  await writeFile(join(folder, name), text);
  await chmod(join(folder, name), 0o755);
}

it('every shell is there where tests must not be left out', () => {
  expect(installed).toEqual(process.env['CI'] === undefined ? installed : shells);
  expect(installed).toContain('bash');
});

it.each(installed)('%s completes commands and nodes', async (shell) => {
  const [kubectl = ''] = kubectls();
  const path = [folder, dirname(kubectl), process.env['PATH']].join(delimiter);
  const env = { ...process.env, PATH: path, KUBECONFIG: cluster.kubeconfig, KUBECTL_KUBERC: 'false', TERM: 'dumb' };
  const { stdout } = await run(shell, [...options[shell], scripts[shell]], { env, timeout: 60_000 });
  expect(stdout).toMatch(/explain[^]*node-1[^]*node-2[^]*node-3/);
});
