import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { valuesWith } from '../../../../deploy/tools/release/chart.ts';

const values = readFileSync(join(import.meta.dirname, '../../../../deploy/helm/values.yaml'), 'utf8');
const images = {
  functions: { repository: 'registry.example.com/f', digest: `sha256:${'1'.repeat(64)}` },
  noop: { repository: 'registry.example.com/n', digest: `sha256:${'2'.repeat(64)}` },
};

it('the values of a release differ from those here in the images only; comments stay', () => {
  const [before, after] = [values, valuesWith(values, images)].map((text) => text.split('\n').filter(Boolean));
  const added = after?.filter((line) => before?.includes(line) === false).map((line) => line.trim());
  expect(added).toEqual([
    'repository: "registry.example.com/f"',
    `digest: "${images.functions.digest}"`,
    'repository: "registry.example.com/n"',
    `digest: "${images.noop.digest}"`,
  ]);
  const gone = before?.filter((line) => after?.includes(line) === false).map((line) => line.trim());
  expect(gone?.filter((line) => !line.startsWith('repository: ghcr.io/'))).toEqual(['digest: ""', 'digest: ""']);
});
