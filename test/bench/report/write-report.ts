import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resultsFolder, type Results } from '../results.ts';
import { plots } from './plots.ts';
import { sections } from './sections.ts';

const root = join(resultsFolder, '../..');
const pages = ['docs/performance.md', 'README.md'].map((name) => join(root, name));

/** Puts the tables between their marks in docs/performance.md and the README, and the plots beside the results. What people wrote there stays. */
export async function writeReport(results: Results): Promise<void> {
  await mkdir(resultsFolder, { recursive: true });
  for (const [name, picture] of plots(results)) await writeFile(join(resultsFolder, name), picture);
  for (const page of pages) {
    await writeFile(page, withSections(await readFile(page, 'utf8'), sections(results)));
  }
}

/** The page with every `<!-- begin NAME -->` to `<!-- end NAME -->` filled anew; one that has nothing to tell says so. Throws where a mark names nothing. */
export function withSections(text: string, told: Readonly<Record<string, string>>): string {
  return text.replace(/<!-- begin ([\w-]+) -->[^]*?<!-- end \1 -->/g, (_, name: string) => {
    const section = told[name];
    if (section === undefined) throw new Error(`there is no section "${name}"`);
    return `<!-- begin ${name} -->\n\n${section === '' ? '_Not measured yet._' : section}\n\n<!-- end ${name} -->`;
  });
}
