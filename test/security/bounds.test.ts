import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { boundNames, boundTable } from '#runtime/bounds.ts';

it('docs/security.md lists every bound with its limit', async () => {
  const page = await readFile('docs/security.md', 'utf8');
  const section = page.slice(page.indexOf('\n## Bounds\n'));
  const rows = [...section.matchAll(/^\| `(\w+)` \| ([\d,]+) \| (.+) \|$/gm)].map(([, ...cells]) => cells);
  const expected = boundNames.map((name) => {
    const { limit, doc } = boundTable[name];
    return [name, limit.toLocaleString('en-US'), doc];
  });
  expect(rows).toEqual(expected);
});
