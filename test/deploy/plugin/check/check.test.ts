import { describe, expect, it } from 'vitest';
import { check } from '../../../../deploy/plugin/check/check.ts';
import type { Invocation } from '../../../../deploy/plugin/command.ts';
import { inMemoryApi, refusal, type InMemoryApi } from '../../../support/api/in-memory-api.ts';

const image = 'registry.example.com/app:1';
const container = { name: 'app', image };

const object = (kind: string, name: string, fields: object = {}, namespace = 'apps') => ({
  apiVersion: { Deployment: 'apps/v1', CronJob: 'batch/v1', ImageCache: 'kubefledged.io/v1alpha2' }[kind] ?? 'v1',
  kind,
  metadata: { name, ...(kind === 'Node' ? {} : { namespace }) },
  ...fields,
});
const deployment = (spec: object = {}, namespace = 'apps'): object =>
  object('Deployment', 'web', { spec: { template: { spec: { containers: [container], ...spec } } } }, namespace);
const node = (name: string, images: readonly string[] = [image]): object =>
  object('Node', name, {
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      nodeInfo: { operatingSystem: 'linux', kubeletVersion: 'v1.34.2', containerRuntimeVersion: 'containerd://2.2.9' },
      images: [...images, 'registry.k8s.io/pause:3.10'].map((each) => ({ names: [each] })),
    },
  });

type Given = {
  readonly args?: readonly string[];
  readonly flags?: Readonly<Record<string, string>>;
  readonly input?: string;
};

/** Runs the command in the namespace apps; with `input`, on the manifests of standard input. */
async function run(api: InMemoryApi, { args = [], flags = {}, input }: Given) {
  const printed = { out: '', err: '' };
  const invocation: Invocation = {
    api,
    names: args,
    namespace: 'apps',
    allNamespaces: false,
    output: flags['output'] === 'json' ? 'json' : '',
    text: (flag) => flags[flag],
    texts: (flag) => (flag === 'filename' && input !== undefined ? ['-'] : []),
    isOn: () => false,
    terminal: {
      print: (text) => void (printed.out += `${text}\n`),
      note: (text) => void (printed.err += `${text}\n`),
      width: undefined,
      input: () => Promise.resolve(input ?? ''),
      colour: (_, text) => text,
    },
  };
  return { code: await check.run(invocation), ...printed };
}

function clusterWith(...objects: readonly object[]): InMemoryApi {
  const api = inMemoryApi();
  for (const each of [node('node-1'), node('node-2'), object('ServiceAccount', 'default'), ...objects]) api.apply(each);
  return api;
}

describe('what is checked', () => {
  it('is each document, and each item of a List', async () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [deployment(), object('Service', 'web', { spec: {} })] };
    const pod = object('Pod', 'alone', { spec: { containers: [{ ...container, image: 'missing:1' }] } });
    const { code, out, err } = await run(clusterWith(), {
      input: `${JSON.stringify(list)}\n---\n---\n${JSON.stringify(pod)}`,
    });
    expect([code, err]).toEqual([2, '']);
    expect(out).toMatch(/^deployment\/web in apps: starts on 2 nodes$/m);
    expect(out).toMatch(/^pod\/alone in apps: fails, starts on 0 of 2 nodes$/m);
    expect(out).toMatch(/1 of 2 would start without the registry, 1 would not\.\n$/);
  });

  it.each(['deployment/web', 'deploy/web', 'deployments.apps/web'])('is %s of the cluster', async (name) => {
    expect(await run(clusterWith(deployment()), { args: [name] })).toMatchObject({ code: 0, err: '' });
  });

  it('is a CronJob of the cluster', async () => {
    const template = { spec: { containers: [container] } };
    const cronJob = object('CronJob', 'web', { spec: { jobTemplate: { spec: { template } } } });
    expect(await run(clusterWith(cronJob), { args: ['cj/web'] })).toMatchObject({ code: 0 });
  });

  it('is on one node with --node', async () => {
    const api = clusterWith(node('node-3', []), deployment());
    expect(await run(api, { args: ['deploy/web'] })).toMatchObject({ code: 2 });
    expect(await run(api, { args: ['deploy/web'], flags: { node: 'node-1' } })).toMatchObject({ code: 0 });
    await expect(run(api, { args: ['deploy/web'], flags: { node: 'node-9' } })).rejects.toMatchObject({ status: 404 });
  });

  it('is not a kind of which only the Pod template is known, and that is said', async () => {
    const rollout = { ...deployment(), apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout' };
    const input = [deployment(), rollout].map((each) => JSON.stringify(each)).join('\n---\n');
    expect(await run(clusterWith(), { input })).toMatchObject({
      code: 0,
      err: 'Rollout/web is not checked: its kind is not known.\n',
    });
    await expect(run(clusterWith(), { input: JSON.stringify(rollout) })).rejects.toThrow('no Pod and no workload in -');
  });

  it.each([
    [{ containers: [{ name: 'app' }] }, 'standard input: spec.containers.0.image of a Deployment:'],
    [{ containers: [] }, 'standard input: spec.containers of a Deployment:'],
  ])('is no invalid object: %j', async (spec, message) => {
    await expect(run(clusterWith(), { input: JSON.stringify(deployment(spec)) })).rejects.toThrow(message);
  });
});

describe('kubelets that pull one image after another', () => {
  const configuration = (serializeImagePulls: boolean): object => ({
    metadata: { name: 'configz' },
    kubeletconfig: { serializeImagePulls },
  });

  it('are named, if the user may ask them', async () => {
    const api = clusterWith(deployment());
    api.put('/api/v1/nodes/node-1/proxy/configz', configuration(true));
    api.put('/api/v1/nodes/node-2/proxy/configz', configuration(false));
    const { code, err } = await run(api, { args: ['deploy/web'] });
    expect(code).toBe(0);
    expect(err).toMatch(/^node-1 pulls one image after another: .* serializeImagePulls: false .*\n$/);
  });

  it('are not named if that is forbidden', async () => {
    const api = clusterWith(deployment());
    api.refuse(/configz/, refusal(403, 'Forbidden', 'no'));
    expect(await run(api, { args: ['deploy/web'] })).toMatchObject({ code: 0, err: '' });
  });
});

describe('the pull secrets of Pods', () => {
  const withSecrets = (name: string): object => ({
    ...object('ServiceAccount', name),
    imagePullSecrets: [{ name: 'reg' }],
  });
  const secretsOf = async (api: InMemoryApi, given: Given): Promise<unknown> => {
    const { out } = await run(api, { ...given, flags: { output: 'json' } });
    return (JSON.parse(out) as readonly { readonly pullSecrets?: unknown }[])[0]?.pullSecrets;
  };

  it('are those of the service account, if the Pods name none', async () => {
    const api = clusterWith(withSecrets('app'));
    expect(await secretsOf(api, { input: JSON.stringify(deployment({ serviceAccountName: 'app' })) })).toEqual(['reg']);
    const own = deployment({ serviceAccountName: 'app', imagePullSecrets: [{ name: 'own' }] });
    expect(await secretsOf(api, { input: JSON.stringify(own) })).toEqual(['own']);
  });

  it('are those of the service account in the file, which may not exist yet', async () => {
    const input = [deployment({ serviceAccountName: 'new' }), withSecrets('new')].map((each) => JSON.stringify(each));
    expect(await secretsOf(clusterWith(), { input: input.join('\n---\n') })).toEqual(['reg']);
  });

  it('are those that a Pod of the cluster has, to which admission adds nothing more', async () => {
    const api = clusterWith(
      withSecrets('app'),
      object('Pod', 'web', { spec: { containers: [container], serviceAccountName: 'app' } }),
    );
    expect(await secretsOf(api, { args: ['pod/web'] })).toEqual([]);
  });

  it('are unknown if the service account may not be read or does not exist', async () => {
    const api = clusterWith();
    expect(await secretsOf(api, { input: JSON.stringify(deployment({ serviceAccountName: 'gone' })) })).toBeUndefined();
    api.refuse(/serviceaccounts/, refusal(403, 'Forbidden', 'no'));
    expect(await secretsOf(api, { input: JSON.stringify(deployment()) })).toBeUndefined();
  });
});

describe('what is read', () => {
  it('is no Secret, and nothing is written', async () => {
    const api = clusterWith(deployment());
    await run(api, { args: ['deploy/web'] });
    expect(api.calls.filter((call) => !call.startsWith('GET ') || call.includes('/secrets'))).toEqual([]);
  });

  it('are the caches of the namespaces of the Pods, if those of all may not be listed', async () => {
    const api = clusterWith(deployment());
    api.refuse(/v1alpha2\/imagecaches$/, refusal(403, 'Forbidden', 'no'));
    const { code, err } = await run(api, { args: ['deploy/web'] });
    expect([code, err]).toEqual([0, 'Some ImageCaches could not be read, such as those of other namespaces.\n']);
    expect(api.calls.some((call) => call.includes('/namespaces/apps/imagecaches'))).toBe(true);
  });

  it('must include the nodes', async () => {
    const api = clusterWith(deployment());
    api.refuse(/GET \/api\/v1\/nodes/, refusal(403, 'Forbidden', 'no'));
    await expect(run(api, { args: ['deploy/web'] })).rejects.toMatchObject({ status: 403 });
  });
});

it('exits with 3 if nothing is known to fail, but something is unproven', async () => {
  const full = Array.from({ length: 50 }, (_, index) => `registry.example.com/other:${index}`);
  const { code, out } = await run(clusterWith(node('node-3', full), deployment()), { args: ['deploy/web'] });
  expect(code).toBe(3);
  expect(out).toContain('0 of 1 would start without the registry, 1 not proven.');
});
