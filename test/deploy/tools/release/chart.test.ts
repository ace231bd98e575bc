import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod/mini';
import { sectionsIn } from '../../../../deploy/tools/release/versions.ts';
import { valuesWith } from '../../../../deploy/tools/release/chart.ts';

const root = join(import.meta.dirname, '../../../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const values = read('deploy/helm/values.yaml');
const images = {
  functions: { repository: 'registry.example.com/f', digest: `sha256:${'1'.repeat(64)}` },
  noop: { repository: 'registry.example.com/n', digest: `sha256:${'2'.repeat(64)}` },
};

it('the values of a release differ in the images only, and keep the comments', () => {
  const [before, after] = [values, valuesWith(values, images)].map((text) => text.split('\n').filter(Boolean));
  const added = after?.filter((line) => before?.includes(line) === false).map((line) => line.trim());
  expect(added).toEqual([
    'repository: registry.example.com/f',
    `digest: "${images.functions.digest}"`,
    'repository: registry.example.com/n',
    `digest: "${images.noop.digest}"`,
  ]);
  const gone = before?.filter((line) => after?.includes(line) === false).map((line) => line.trim());
  expect(gone?.filter((line) => !line.startsWith('repository: ghcr.io/'))).toEqual(['digest: ""', 'digest: ""']);
});

const chart = z.object({
  home: z.string(),
  icon: z.string(),
  kubeVersion: z.literal('>=1.30.0-0'),
  sources: z.array(z.string()),
  maintainers: z.array(z.object({ name: z.string(), url: z.string() })),
  annotations: z.record(z.string(), z.string()),
});
const links = z.array(z.object({ name: z.string(), url: z.string() }));

/** An item of the changelog as plain text: without marks, and without the page that says more. */
const plain = (item: string): string =>
  item
    .replaceAll(/:? \[[^\]]*\]\([^)]*\)/g, '')
    .replaceAll('`', '')
    .replaceAll(/\s+/g, ' ')
    .trim();

it('the chart has the annotations of Artifact Hub: changes from the changelog, and links to files that exist', () => {
  const { home, icon, maintainers, annotations } = chart.parse(parse(read('deploy/helm/Chart.yaml')));
  const latest = sectionsIn(read('CHANGELOG.md'))[0]?.text ?? '';
  const items = latest.split(/^\* /m).slice(1).map(plain);
  expect(parse(annotations['artifacthub.io/changes'] ?? '')).toEqual(items);
  expect(annotations['artifacthub.io/license']).toBe('Apache-2.0');
  const listed = links.parse(parse(annotations['artifacthub.io/links'] ?? ''));
  const files = [icon, ...[...listed, ...maintainers].map(({ url }) => url)].flatMap(
    (url) => /\/(?:blob\/)?main\/(.*)$/.exec(url)?.[1] ?? [],
  );
  expect(files.length).toBe(5);
  expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  for (const { url } of listed) expect(url.startsWith(home)).toBe(true);
});
