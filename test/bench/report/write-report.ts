import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resultsFolder, type Results } from '../results.ts';
import { plots } from './plots.ts';
import { sections } from './sections.ts';

/** Writes the plots beside the results, and the tables between their marks in docs/review/performance.md. */
export async function writeReport(results: Results): Promise<void> {
  for (const [name, picture] of await plots(results)) await writeFile(join(resultsFolder, name), picture);
  const page = join(resultsFolder, '../performance.md');
  await writeFile(page, withSections(await readFile(page, 'utf8'), sections(results)));
}

/** The page with everything between `<!-- begin NAME -->` and `<!-- end NAME -->` replaced. Throws for an unknown NAME. */
export function withSections(text: string, generated: Readonly<Record<string, string>>): string {
  return text.replace(/<!-- begin ([\w-]+) -->[^]*?<!-- end \1 -->/g, (_, name: string) => {
    const section = generated[name];
    if (section === undefined) throw new Error(`unknown section "${name}"`);
    return `<!-- begin ${name} -->\n\n${section === '' ? '_Not measured yet._' : section}\n\n<!-- end ${name} -->`;
  });
}
