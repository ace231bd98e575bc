import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { chart, helm, type HelmResult, root } from '../../deploy/helm/chart.ts';
import { changed } from '../../deploy/helm/forbidden-jobs.ts';
import { pull } from '../../deploy/helm/product-jobs.ts';
import { installKnative } from './install-knative.ts';

const lab = await sharedLab();
const [install, apps, release] = ['helm-knative', 'helm-knative-apps', 'imagecache-functions'];

const values = [
  'mode=knative',
  `tenancy.namespaces={${apps}}`,
  'global.imageRegistry=registry.local:5000',
  'images.functions.repository=imagecache-functions',
  'images.noop.repository=imagecache-noop',
  'knative.deadLetters.image=registry.local:5000/knative/eventing-event_display:lab',
].flatMap((value) => ['--set', value]);

const cache = (image: string) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name: 'web', namespace: apps },
  spec: { cacheSpec: [{ images: [image] }] },
});
const ask = (path: string): Promise<string> =>
  lab.ask('get', 'imagecache', 'web', '-n', apps, '-o', `jsonpath={${path}}`);
const waits = { timeout: 120_000, interval: 1000 };

/** Runs helm and prints its output. */
const transcribed = async (...args: readonly string[]): Promise<HelmResult> => {
  const started = Date.now();
  const result = await helm(lab, ...args);
  const shown = args.map((arg) => arg.replace(root, '.')).join(' ');
  console.log(`$ helm ${shown}\n${result.stdout}${result.stderr}(${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return result;
};

beforeAll(async () => {
  await installKnative(lab);
  for (const namespace of [install, apps]) await lab.ask('create', 'namespace', namespace);
});
afterAll(async () => {
  await helm(lab, 'uninstall', release, '-n', install, '--ignore-not-found', '--wait');
  for (const namespace of [install, apps]) await lab.ask('delete', 'namespace', namespace, '--wait=false');
});

describe('the chart on a real Knative, limited to a namespace', () => {
  it('is installed by one command, and all of it becomes Ready', async () => {
    const installing = await transcribed(
      'install',
      release,
      chart,
      '-n',
      install,
      ...values,
      '--wait',
      '--timeout=180s',
    );
    expect(installing).toMatchObject({ code: 0, stderr: '' });
    const kinds = 'services.serving.knative.dev,brokers,triggers,sinkbindings';
    await lab.ask('-n', install, 'wait', '--for=condition=Ready', kinds, '--all', '--timeout=110s');
  });

  let image = '';
  it('pulls the images of an ImageCache, each function with its own service account', async () => {
    image = await lab.pushImage({ name: 'helm-knative:1' });
    await lab.apply(cache(image));
    await lab.ask('wait', '--for=condition=Ready', 'imagecache/web', '-n', apps, '--timeout=180s');
    for (const node of [1, 2]) expect(await lab.images(node)).toContain(image);
  });

  it('removes the images again', async () => {
    await lab.ask('annotate', 'imagecache', 'web', '-n', apps, 'kubefledged.io/purge-imagecache=');
    await expect.poll(() => ask('.status.removals.*.state'), waits).toBe('Removed Removed');
    for (const node of [1, 2]) expect(await lab.images(node)).not.toContain(image);
  });

  it.each(['imagecache-reconcile', 'imagecache-job-complete', 'imagecache-refresh', 'imagecache-purge'])(
    'allows %s to create only Jobs of the product',
    async (name) => {
      const privileged = changed(pull(), ['spec', 'template', 'spec', 'hostPID'], true);
      const there = changed(privileged, ['metadata', 'namespace'], apps);
      const { stderr } = await lab.kubectlWith(
        JSON.stringify(there),
        ...['create', '--dry-run=server', '-f', '-', `--as=system:serviceaccount:${install}:${name}`],
      );
      expect(stderr).toContain("ValidatingAdmissionPolicy 'imagecache-functions-jobs'");
    },
  );

  it('is uninstalled by one command', async () => {
    const uninstalling = await transcribed('uninstall', release, '-n', install, '--wait', '--timeout=120s');
    expect(uninstalling).toMatchObject({ code: 0 });
    const ours = ['-l', `app.kubernetes.io/instance=${release}`, '-o', 'name'];
    const kinds =
      'services.serving.knative.dev,brokers,triggers,sinkbindings,deployments,serviceaccounts,rolebindings,leases,configmaps';
    await expect.poll(() => lab.ask('get', kinds, '-n', install, ...ours), waits).toBe('');
    await lab.ask('delete', 'imagecache', 'web', '-n', apps, '--timeout=30s');
  });
});
