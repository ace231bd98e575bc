import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { sectionsIn, trackedFiles, versionsIn, withVersion } from '../../../../deploy/tools/release/versions.ts';
import { version } from '../../../../functions/runtime/version.ts';

const root = join(import.meta.dirname, '../../../..');
const read = (path: string): Promise<string> => readFile(join(root, path), 'utf8');

/** Files that users apply, install and build from: each has to contain the version. */
const versionedFiles = [
  'package.json',
  'stack.yml',
  'docs/configuration.md',
  'docs/install.md',
  'docs/knative.md',
  'docs/openfaas.md',
  'deploy/Dockerfile',
  'deploy/helm/Chart.yaml',
  'deploy/knative/functions/services.yaml',
  'deploy/knative/functions/settings.yaml',
  'deploy/knative/our-source/source.yaml',
  'deploy/knative/policy/kustomization.yaml',
  'deploy/kubectl/standalone.yaml',
  'deploy/openfaas/ce/source.yaml',
  'deploy/openfaas/pro/functions.yaml',
  'deploy/openfaas/pro/source.yaml',
  'deploy/policy/admission-policy.yaml',
];

describe('the version', () => {
  it('is the same in every file', async () => {
    const others = new Map<string, readonly string[]>();
    for (const path of (await trackedFiles(root)).filter((each) => !each.endsWith('.png'))) {
      const found = versionsIn(path, await read(path)).filter((each) => each !== version);
      if (found.length > 0) others.set(path, found);
    }
    expect([...others]).toEqual([]);
  });

  it.each(versionedFiles)('is in %s', async (path) => {
    expect(versionsIn(path, await read(path))).toContain(version);
  });

  it('is the version and the appVersion of the chart', async () => {
    const chart = z.object({ version: z.string(), appVersion: z.string() });
    expect(chart.parse(parse(await read('deploy/helm/Chart.yaml')))).toEqual({ version, appVersion: version });
  });

  it('is the latest of the changelog, below Unreleased', async () => {
    const sections = sectionsIn(await read('CHANGELOG.md'));
    expect(['Unreleased', version]).toContain(sections[0]?.name);
    expect(sections[0]?.text).not.toBe('');
    expect(sections.filter(({ name, date }) => name !== 'Unreleased' && date === undefined)).toEqual([]);
  });

  it.each(versionedFiles)('can be replaced in %s without any other change', async (path) => {
    const text = await read(path);
    const next = withVersion(path, text, '9.8.7-rc.1');
    expect(new Set(versionsIn(path, next))).toEqual(new Set(['9.8.7-rc.1']));
    expect(withVersion(path, next, version)).toBe(text);
  });
});
