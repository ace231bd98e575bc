import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { allSettings } from '#runtime/config/config.ts';
import { apiReference } from '../../../../deploy/tools/api-reference/api-reference.ts';
import { settingsReference } from '../../../../deploy/tools/api-reference/settings-reference.ts';

const root = join(import.meta.dirname, '../../../..');
const read = (file: string): Promise<string> => readFile(join(root, file), 'utf8');

it('docs/api.md is generated from the CRD', async () => {
  expect(await read('docs/api.md')).toBe(apiReference(await read('crds/imagecache.yaml')));
});

it('the reference has type, requirement, description and rules of a field', async () => {
  const reference = apiReference(await read('crds/imagecache.yaml'));
  expect(reference).toMatch(/^\| `spec\.cacheSpec\[\]\.images` \| list of string \| images is .*"No images specified/m);
  expect(reference).toMatch(/^\| `spec\.cacheSpec` \| list of object \| Required\. /m);
  expect(reference).toMatch(/^\| `spec\.imagePullPolicy` \| string \| .*One of `IfNotPresent`, `Always`\. \|$/m);
  expect(reference).toMatch(/^\| `status\.failures\.\*\[\]\.node` \| string \|/m);
});

it('docs/configuration.md is generated from the settings', async () => {
  expect(await read('docs/configuration.md')).toBe(settingsReference());
});

it.each(allSettings)('the page has flag $flag, variable $env, its default and its meaning', (setting) => {
  const { flag, env, fallback, doc } = setting;
  const named = [flag && `--${flag}`, env, fallback].map((each) => (each ? `\`${each}\`` : ''));
  expect(settingsReference()).toContain(`| ${named.join(' | ')} | ${doc}.`);
});
