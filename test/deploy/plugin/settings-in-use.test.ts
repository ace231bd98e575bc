import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { settingsInUse } from '../../../deploy/plugin/settings-in-use.ts';
import { inMemoryApi } from '../../support/api/in-memory-api.ts';

const root = join(import.meta.dirname, '../../..');

/** A fake API with the Deployments of a manifest. */
async function apiWith(file: string, change: (manifest: string) => string) {
  const yaml = change(await readFile(join(root, file), 'utf8'));
  const objects = parseAllDocuments(yaml).map((document) => document.toJS() as { readonly kind?: string } | undefined);
  const items = objects.filter((object) => object?.kind === 'Deployment');
  return { ...inMemoryApi(), request: () => Promise.resolve({ items }) };
}

describe('the settings in use', () => {
  it.each([
    ['deploy/kubectl/standalone.yaml', 'kube-fledged/imagecache-functions'],
    ['deploy/openfaas/ce/source.yaml', 'openfaas-fn/imagecache-functions-source'],
  ])('are those of the Deployment in %s, without the program name in its arguments', async (file, name) => {
    const surge = (manifest: string): string => manifest.replace('--jobs-max-surge=0', '--jobs-max-surge=7');
    const { settings, origin } = await settingsInUse(await apiWith(file, surge));
    expect(origin).toBe(`settings of deployment ${name}`);
    expect(settings).toMatchObject({
      jobsMaxSurge: 7,
      noopImage: expect.stringContaining('imagecache-noop') as unknown,
    });
  });

  it('are the defaults if a Deployment has invalid flags', async () => {
    const { origin } = await settingsInUse(
      await apiWith('deploy/kubectl/standalone.yaml', (it) => it.replace('--jobs-max', '--max')),
    );
    expect(origin).toBe('default settings (those of the Deployment are invalid)');
  });
});
