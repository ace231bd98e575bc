import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from './pages.ts';
import { comparable, inTrouble, troubles } from './troubles.ts';

const sections = readFileSync(join(root, 'docs/troubles.md'), 'utf8')
  .split(/^## /m)
  .map((section) => {
    const shown = [...section.matchAll(/^```console\n\$ (.*)\n([^]*?)^```$/gm)];
    return {
      heading: section.slice(0, section.indexOf('\n')),
      transcripts: shown.map(([, command = '', output = '']) => ({ command, output })),
    };
  })
  .filter(({ transcripts }) => transcripts.length > 0);

it('docs/troubles.md has a section for each trouble', () => {
  expect(sections.map(({ heading }) => heading)).toEqual(troubles.map(({ heading }) => heading));
});

it.concurrent.for(troubles)(
  'docs/troubles.md shows what is printed about $heading',
  { timeout: 60_000 },
  async (trouble, { expect, onTestFinished }) => {
    const folder = await mkdtemp(join(tmpdir(), 'troubles-'));
    const { shell, stop } = await inTrouble(trouble, folder);
    onTestFinished(async () => {
      await stop();
      await rm(folder, { recursive: true });
    });
    const { transcripts = [] } = sections.find(({ heading }) => heading === trouble.heading) ?? {};
    expect(transcripts.length).toBeGreaterThanOrEqual(4);
    for (const { command, output } of transcripts)
      await expect
        .poll(async () => comparable(await shell(command)), { timeout: 30_000, interval: 500, message: command })
        .toBe(comparable(output));
  },
);
