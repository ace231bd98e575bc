/** `npm run api-reference`: writes docs/api.md from crds/imagecache.yaml. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiReference } from './api-reference.ts';

const root = join(import.meta.dirname, '../../..');
await writeFile(join(root, 'docs/api.md'), apiReference(await readFile(join(root, 'crds/imagecache.yaml'), 'utf8')));
