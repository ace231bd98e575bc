import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { apiReference } from '../../../../deploy/tools/api-reference/api-reference.ts';

const root = join(import.meta.dirname, '../../../..');
const read = (file: string): Promise<string> => readFile(join(root, file), 'utf8');

it('docs/api.md is what `npm run api-reference` makes of the CRD', async () => {
  expect(await read('docs/api.md')).toBe(apiReference(await read('crds/imagecache.yaml')));
});

it('the reference tells type, need, words and rules of a field', async () => {
  const reference = apiReference(await read('crds/imagecache.yaml'));
  expect(reference).toMatch(
    /^\| `spec\.cacheSpec\[\]\.images` \| list of string \| Required\. .*"No images specified/m,
  );
  expect(reference).toMatch(/^\| `spec\.imagePullPolicy` \| string \| .*One of `IfNotPresent`, `Always`\. \|$/m);
  expect(reference).toMatch(/^\| `status\.failures\.\*\[\]\.node` \| string \|/m);
});
