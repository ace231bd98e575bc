import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod/mini';

const step = z.object({ run: z._default(z.string(), ''), uses: z._default(z.string(), '') });
const workflow = z.object({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(
    z.string(),
    z.object({ permissions: z._default(z.record(z.string(), z.string()), {}), steps: z.array(step) }),
  ),
});

const file = join(import.meta.dirname, '../../../../.github/workflows/release.yaml');
const release = workflow.parse(parse(await readFile(file, 'utf8')));
const jobs = Object.entries(release.jobs);

/** Runs code of this repository or of its dependencies. */
const isForeign = ({ run, uses }: z.infer<typeof step>): boolean =>
  /\b(?:npm|npx|node)\b/.test(run) || uses.startsWith('actions/checkout@');

it('grants nothing to a job that does not ask for it', () => {
  expect(release.permissions).toEqual({});
});

it('signs in a job of its own, in which no code of the repository and its dependencies runs', () => {
  const signing = jobs.filter(([, { permissions }]) => permissions['id-token'] === 'write');
  expect(signing.map(([name]) => name)).toEqual(['sign']);
  for (const [name, { steps }] of signing) expect(steps.filter(isForeign), name).toEqual([]);
});

it('signs a bill of materials and a provenance of each image that has one', () => {
  const runs = release.jobs['sign']?.steps.map(({ run }) => run).join('\n') ?? '';
  expect(runs).toMatch(/select\(\.sbom\)[^\n]+\n[^\n]+ --type cyclonedx --predicate "dist\/release\/\$sbom"/);
  expect(runs).toMatch(
    /select\(\.provenance\)[^\n]+\n[^\n]+ --type slsaprovenance1 --predicate "dist\/release\/\$provenance"/,
  );
});

it('builds and tests with the rights to push images and to read the source, at most', () => {
  const building = jobs.filter(([, { steps }]) => steps.some(isForeign));
  expect(Object.fromEntries(building.map(([name, { permissions }]) => [name, permissions]))).toEqual({
    test: { contents: 'read' },
    build: { contents: 'read', packages: 'write' },
  });
});

it('runs no tests, and no scripts of dependencies, where images can be pushed', () => {
  const runs = release.jobs['build']?.steps.map(({ run }) => run).join('\n') ?? '';
  expect(runs).toContain('npm ci --ignore-scripts');
  expect(runs).not.toMatch(/npm (?:test|run check)/);
});
