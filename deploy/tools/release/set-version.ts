/** Run by `npm version`: updates the version in every other file, and names the changelog's Unreleased section. */
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import * as z from 'zod/mini';
import { trackedFiles, withRelease, withVersion } from './versions.ts';

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '../../..'));
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

const { version } = z.object({ version: z.string() }).parse(JSON.parse(await read('package.json')));
const today = new Date().toISOString().slice(0, 10);

const changed = (path: string, text: string): string =>
  path === 'CHANGELOG.md' ? withRelease(text, version, today) : withVersion(path, text, version);

for (const path of await trackedFiles(root)) {
  if (!existsSync(join(root, path))) continue;
  const text = await read(path);
  const next = changed(path, text);
  if (next === text) continue;
  await writeFile(join(root, path), next);
  process.stdout.write(`${path}\n`);
}
