/** `npm run reference`: writes docs/api.md from crds/imagecache.yaml, and docs/configuration.md from the settings. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiReference } from './api-reference.ts';
import { settingsReference } from './settings-reference.ts';

const root = join(import.meta.dirname, '../../..');
await writeFile(join(root, 'docs/api.md'), apiReference(await readFile(join(root, 'crds/imagecache.yaml'), 'utf8')));
await writeFile(join(root, 'docs/configuration.md'), settingsReference());
