import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { auth } from '../../../deploy/plugin/auth.ts';
import type { Output } from '../../../deploy/plugin/command.ts';
import { settingsInUse } from '../../../deploy/plugin/settings-in-use.ts';
import { ApiError } from '../../../functions/runtime/errors.ts';
import { inMemoryApi } from '../../support/api/in-memory-api.ts';

const silent = {
  print: () => undefined,
  note: () => undefined,
  width: undefined,
  input: () => Promise.resolve(''),
  colour: (_: string, text: string) => text,
};

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

describe('kubectl imagecache auth', () => {
  const images = { 'team-a': ['registry.example.com/team-a/*'], '*': ['docker.io/library/nginx'] };
  const isolated = (manifest: string): string =>
    manifest.replace('        - --jobs-max-surge=0', `        - '--tenancy=${JSON.stringify(images)}'`);

  /** Runs it with an installation and these answers to the list of bindings. */
  async function run(
    names: readonly string[],
    output: Output,
    policies: () => Promise<object>,
    deployments?: () => Promise<object>,
  ) {
    const api = await apiWith('deploy/kubectl/standalone.yaml', isolated);
    const installed = deployments ?? api.request;
    const printed: string[] = [];
    const code = await auth.run({
      api: { ...api, request: (call) => (call.path.includes('bindings') ? policies() : installed()) },
      names,
      namespace: 'default',
      allNamespaces: false,
      output,
      text: () => undefined,
      texts: () => [],
      isOn: () => false,
      terminal: { ...silent, print: (text) => void printed.push(text), note: (text) => void printed.push(text) },
    });
    return { code, out: printed.join('\n') };
  }

  const binding = (policyName: string, validationActions: readonly string[]) => ({
    spec: { policyName, validationActions },
  });
  const both = () =>
    Promise.resolve({
      items: [binding('icf-jobs', ['Deny']), binding('icf-tenancy', ['Deny']), binding('x', ['Warn'])],
    });

  it('shows the images and limits of a namespace as data', async () => {
    const { code, out } = await run(['team-a'], 'json', both);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      ...{ namespace: 'team-a', mode: 'Isolated', policies: ['icf-jobs', 'icf-tenancy'] },
      images: ['registry.example.com/team-a/*', 'docker.io/library/nginx'],
      limits: { images: 1000, pullDeadline: 7_200_000 },
    });
    expect((JSON.parse(out) as { limits: object }).limits).not.toHaveProperty('tenantImages');
  });

  it('shows them as a table, and that the policy for tenants is missing', async () => {
    const { out } = await run([], '', () => Promise.resolve({ items: [binding('icf-jobs', ['Deny'])] }));
    expect(out).toMatch(/^IN default +ALLOWED\nmode +Isolated\nimages +docker\.io\/library\/nginx$/m);
    expect(out).toContain('The policy for tenants is missing: whoever writes a cache is not checked.');
    expect((await run([], '', both)).out).not.toContain('is missing');
  });

  it('does not take policies that it may not read for missing ones', async () => {
    const forbidden = () => Promise.reject(new ApiError('forbidden', { status: 403, reason: 'Forbidden' }));
    const { out } = await run([], '', forbidden);
    expect(out).toMatch(/^admission policies +not known: their bindings cannot be read$/m);
    expect(out).not.toContain('is missing');
  });

  it('fails instead of showing the defaults where the Deployment cannot be read', async () => {
    const forbidden = () => Promise.reject(new ApiError('forbidden', { status: 403, reason: 'Forbidden' }));
    const { code, out } = await run(['team-a'], '', forbidden, forbidden);
    expect([code, out]).toEqual([
      1,
      'error: what holds in namespace team-a is not known: default settings (Deployments cannot be read)',
    ]);
  });
});
