import { styleText } from 'node:util';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runPlugin } from '../../../deploy/plugin/run.ts';
import { sanitized, type Terminal } from '../../../deploy/plugin/terminal.ts';

function recorder() {
  const lines: string[] = [];
  const terminal: Terminal = {
    print: (text) => void lines.push(text),
    note: (text) => void lines.push(text),
    width: undefined,
    input: () => Promise.resolve(''),
    colour: (_, text) => text,
  };
  return { lines, terminal };
}

const red = (text: string): string => styleText('red', text, { validateStream: false });

it('escapes control characters in names and messages', () => {
  const { lines, terminal } = recorder();
  for (const text of [
    '\u001b[2Jgone',
    '\u001b]0;title\u0007',
    '\u009b8mhidden',
    'over\rwritten',
    '$(reboot) `id` ../x',
  ])
    sanitized(terminal).print(text);
  expect(lines).toEqual([
    String.raw`\u001b[2Jgone`,
    String.raw`\u001b]0;title\u0007`,
    String.raw`\u009b8mhidden`,
    String.raw`over\u000dwritten`,
    '$(reboot) `id` ../x',
  ]);
});

it('keeps its own colours, line breaks and tabs', () => {
  const { lines, terminal } = recorder();
  const own = sanitized({ ...terminal, colour: (_, text) => red(text) });
  own.print(`NAME\tSTATE\n${own.colour('bad', 'web')}: ä 💥`);
  expect(lines).toEqual([`NAME\tSTATE\n${red('web')}: ä 💥`]);
});

it('passes no colours of names and messages, and nothing that turns or hides text (attack 16)', () => {
  const { lines, terminal } = recorder();
  const own = sanitized({ ...terminal, colour: (_, text) => red(text) });
  const green = '\u001b[32mSucceeded\u001b[39m';
  const turned = 'app\u202Egnp.exe\u2066\u200b\ufeff\u{e0041}\u2028';
  own.print(green);
  own.print(own.colour('bad', green));
  own.print(turned);
  own.print(own.colour('bad', turned));
  // Ends its own colour, and begins another one, with what a name could have seen on an earlier line.
  own.print(own.colour('bad', `a${own.colour('good', 'b').replaceAll('b', '\u0000')}c`));
  const escaped = String.raw`app\u202egnp.exe\u2066\u200b\ufeff\u{e0041}\u2028`;
  const plainGreen = String.raw`\u001b[32mSucceeded\u001b[39m`;
  expect(lines.slice(0, 4)).toEqual([plainGreen, red(plainGreen), escaped, red(escaped)]);
  expect(lines[4]).not.toContain('\u0000');
});

it.each([
  [
    'a YAML bomb',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${bombs()}kind: List\nitems: [*i]\n`,
    /^error: FILE cannot be read: Excessive alias count/,
  ],
  ['a list in itself', 'kind: List\nitems: &i [{kind: List, items: *i}]\n', /^error: FILE cannot be read: /],
  ['a document deeper than the stack', '['.repeat(100_000), /^error: FILE/],
])('says in a sentence that %s cannot be read (attack 16)', async (_, text, sentence) => {
  const { lines, terminal } = recorder();
  const folder = await mkdtemp(join(tmpdir(), 'terminal-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'bomb.yaml');
  await writeFile(file, text);
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: 'a', cluster: { server: 'http://127.0.0.1:1' } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      users: [{ name: 'a', user: {} }],
      'current-context': 'a',
    }),
  );
  expect(await runPlugin(['plan', '-f', file, '--kubeconfig', kubeconfig], {}, terminal)).not.toBe(0);
  const said = lines.join('\n').replaceAll(file, 'FILE');
  expect(said).toMatch(sentence);
  expect(said).not.toContain('    at ');
});

function bombs(): string {
  const names = 'a b c d e f g h i'.split(' ');
  return names
    .slice(1)
    .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${names[index]}`).join(',')}]\n`)
    .join('');
}

it('escapes control characters of the command line in errors', async () => {
  const { lines, terminal } = recorder();
  await runPlugin(['sta\u001b[2Jtus'], {}, terminal);
  expect(lines.join()).toContain(String.raw`unknown command "sta\u001b[2Jtus"`);
});
