import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { settingsInUse } from '../../../deploy/plugin/plan/settings-in-use.ts';
import { inMemoryApi } from '../../support/api/in-memory-api.ts';

const root = join(import.meta.dirname, '../../..');

/** A cluster on which a file was applied, as far as it has Deployments. */
async function having(file: string, change: (manifest: string) => string) {
  const yaml = change(await readFile(join(root, file), 'utf8'));
  const objects = parseAllDocuments(yaml).map((document) => document.toJS() as { readonly kind?: string } | undefined);
  const items = objects.filter((object) => object?.kind === 'Deployment');
  return { ...inMemoryApi(), request: () => Promise.resolve({ items }) };
}

describe('the settings in use', () => {
  it.each([
    ['deploy/kubectl/standalone.yaml', 'kube-fledged/imagecache-functions'],
    ['deploy/openfaas/ce/source.yaml', 'openfaas-fn/imagecache-functions-source'],
  ])('are those of the Deployment in %s, whose first argument is its program', async (file, name) => {
    const surge = (manifest: string): string => manifest.replace('--jobs-max-surge=0', '--jobs-max-surge=7');
    const { settings, from } = await settingsInUse(await having(file, surge));
    expect(from).toBe(`settings of deployment ${name}`);
    expect(settings).toMatchObject({
      jobsMaxSurge: 7,
      noopImage: expect.stringContaining('imagecache-noop') as unknown,
    });
  });

  it('are the defaults where a Deployment has flags that are none', async () => {
    const { from } = await settingsInUse(
      await having('deploy/kubectl/standalone.yaml', (it) => it.replace('--jobs-max', '--max')),
    );
    expect(from).toBe('default settings (those of the Deployment do not read)');
  });
});
