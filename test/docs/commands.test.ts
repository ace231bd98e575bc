import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { runWell } from '../cluster/run.ts';
import { kubectls } from '@imagecache-functions/simulator/testing';
import { npmStart } from '../deploy/standalone/start-command.ts';
import { commandTable } from './command-table.ts';
import { commands, commandsOn, rowOf } from './commands.ts';
import { root } from './pages.ts';

describe('the commands of the documentation', () => {
  it('are in the README and on the pages about installing', () => {
    for (const page of ['README.md', 'docs/install.md', 'docs/knative.md', 'docs/openfaas.md'])
      expect(commands.filter((command) => command.page === page).length, page).toBeGreaterThan(3);
  });

  it('are all in the table that says what runs them, or why nothing does', () => {
    const unknown = commands.filter((command) => rowOf(command) === undefined);
    expect(unknown.map(({ page, text }) => `${page}: ${text}`)).toEqual([]);
  });

  it('are not in that table where no page has them', () => {
    const used = new Set(commands.map(rowOf));
    expect(commandTable.filter((row) => !used.has(row)).map(({ command }) => command)).toEqual([]);
  });

  it('that no test runs have one that does the same', () => {
    const instead = commandTable.flatMap((row) => ('instead' in row ? [row.instead] : []));
    expect(instead.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

/** What docs/plugin.md shows below a command. */
function shownBelow(command: string): string {
  const page = readFileSync(join(root, 'docs/plugin.md'), 'utf8');
  return new RegExp(`^\\$ ${command}\n([^]*?)\`\`\`$`, 'm').exec(page)?.[1] ?? 'the page shows nothing';
}

const checkCommand = 'kubectl imagecache check -f deploy/samples/first-light-pods.yaml';

/** What each prints, in order; a command that is not named here has to end well and no more. */
const prints: Readonly<Record<string, RegExp | string>> = {
  'kubectl get imagecaches': /^first-light +Failed +2\/3 +0 +1 +0 +ImageCacheCreate/m,
  "kubectl get imagecache first-light -o jsonpath='{.status.failures}'":
    /^\{"registry\.example\/missing:1":\[\{"message":"rpc error: .* not found","node":"node-1","reason":"ErrImagePull"\}\]\}$/,
  'kubectl imagecache status -A': /^default +first-light +Failed +2\/3/m,
  [checkCommand]: shownBelow(checkCommand),
  "kubectl get imagecache web -o jsonpath='{.status.removals}'": /^\{"node-1":/,
};

/** Runs a command as a user would, in the root of the project; throws unless it ends well. */
const bash = async (script: string, env: NodeJS.ProcessEnv): Promise<string> =>
  runWell('bash', ['-euo', 'pipefail', '-c', `cd '${root}'\n${script}`], { env });

const web = {
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name: 'web' },
  spec: { cacheSpec: [{ images: ['docker.io/library/nginx:1.28'] }] },
};

/** The lines that the README shows of `npm start`. */
const shown = (/^\$ npm start\n([^]*?)^```$/m.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] ?? '').split(
  '\n',
);

it.each(kubectls().slice(0, 1))(
  'the commands that need a small cluster work on the simulation of `npm start`, with %s',
  async (kubectl) => {
    const [start, ...others] = commandsOn('simulator');
    expect(start?.text).toBe('npm start');
    const started = await npmStart();
    const kubeconfig = (): string => /export KUBECONFIG=(.+)/.exec(started.output())?.[1] ?? '';
    await vi.waitFor(() => expect(kubeconfig()).not.toBe(''), { timeout: 60_000, interval: 50 });
    for (const line of shown) expect(started.output().split('\n')).toContain(line);
    const path = [dirname(process.execPath), join(root, 'dist'), dirname(kubectl), process.env['PATH']];
    const env = { ...process.env, PATH: path.join(delimiter), KUBECONFIG: kubeconfig(), KUBECTL_KUBERC: 'false' };
    await bash(`echo '${JSON.stringify(web)}' | kubectl apply -f -`, env);
    for (const { text, script } of others) {
      const expected = prints[text];
      if (expected === undefined) await bash(script, env);
      else
        await expect.poll(() => bash(script, env), { timeout: 15_000, interval: 300, message: text }).toMatch(expected);
    }
  },
  180_000,
);
