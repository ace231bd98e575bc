import { styleText } from 'node:util';
import { expect, it } from 'vitest';
import { runPlugin } from '../../../deploy/plugin/run.ts';
import { guarded, type Terminal } from '../../../deploy/plugin/terminal.ts';

function heard() {
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

const reddish = (text: string): string => styleText('red', text, { validateStream: false });

it('steers no terminal by what it prints, whatever names and messages hold', () => {
  const { lines, terminal } = heard();
  for (const text of [
    '\u001b[2Jgone',
    '\u001b]0;title\u0007',
    '\u009b8mhidden',
    'over\rwritten',
    '$(reboot) `id` ../x',
  ])
    guarded(terminal).print(text);
  expect(lines).toEqual([
    String.raw`\u001b[2Jgone`,
    String.raw`\u001b]0;title\u0007`,
    String.raw`\u009b8mhidden`,
    String.raw`over\u000dwritten`,
    '$(reboot) `id` ../x',
  ]);
});

it('keeps its own colours, lines and columns', () => {
  const { lines, terminal } = heard();
  const text = `NAME\tSTATE\n${reddish('web')}: ä 💥`;
  guarded(terminal).print(text);
  expect(lines).toEqual([text]);
});

it('tells a wrong word of a command line so too', async () => {
  const { lines, terminal } = heard();
  await runPlugin(['sta\u001b[2Jtus'], {}, terminal);
  expect(lines.join()).toContain(String.raw`unknown command "sta\u001b[2Jtus"`);
});
