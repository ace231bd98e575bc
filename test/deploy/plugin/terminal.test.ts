import { styleText } from 'node:util';
import { expect, it } from 'vitest';
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
  const text = `NAME\tSTATE\n${red('web')}: ä 💥`;
  sanitized(terminal).print(text);
  expect(lines).toEqual([text]);
});

it('escapes control characters of the command line in errors', async () => {
  const { lines, terminal } = recorder();
  await runPlugin(['sta\u001b[2Jtus'], {}, terminal);
  expect(lines.join()).toContain(String.raw`unknown command "sta\u001b[2Jtus"`);
});
