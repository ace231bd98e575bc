import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pages } from '../../../docs/pages.ts';
import { testSimulator, type TestSimulator } from '@imagecache-functions/simulator/testing';
import { pluginAt, type Plugin } from '../plugin.ts';
import { seedCache, seedNamespace, seedNode } from './seeded.ts';

const { text } = pages.find(({ path }) => path === 'docs/plugin.md') ?? { text: '' };
const manifest = /^```yaml\n([^]*?)^```$/m.exec(text)?.[1] ?? '';
const [, command = '', printed = ''] =
  /^```console\n\$ kubectl imagecache (check -f storefront\.yaml.*)\n([^]*?)^```$/m.exec(text) ?? [];

const [envoy, redis, api] = [
  'docker.io/envoyproxy/envoy:v1.33',
  'docker.io/library/redis:7',
  'registry.example.com/api:2',
];
const [model, migrate] = ['registry.example.com/model:3', 'registry.example.com/migrate:4'];
const everywhere = ['docker.io/library/nginx:latest', envoy, redis, api];

let cluster: TestSimulator;
let folder: string;
let plugin: Plugin;

beforeAll(async () => {
  cluster = await testSimulator({ nodes: 0 });
  folder = await mkdtemp(join(tmpdir(), 'check-'));
  plugin = pluginAt(cluster.kubeconfig);
  const { ask } = cluster;
  for (const name of ['shop', 'team-a', 'platform']) await seedNamespace(ask, name);
  const ids = {
    'node-1': await seedNode(ask, 'node-1', { images: [...everywhere, model, migrate] }),
    'node-2': await seedNode(ask, 'node-2', { images: [...everywhere, model, migrate] }),
    'node-3': await seedNode(ask, 'node-3', { images: everywhere, labels: { 'kubernetes.io/arch': 'arm64' } }),
  };
  await seedNode(ask, 'gpu-1', { images: [], taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] });
  const all = Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, { id }]));
  const { 'node-3': third, ...others } = all;
  const open = (image: string): object => ({ image, access: 'Anyone', anonymousPull: 'Allowed' });
  await seedCache(ask, 'platform/base', {
    spec: { cacheSpec: [{ images: [envoy, 'nginx', redis] }] },
    images: [open(envoy), open('nginx'), open(redis)],
    nodes: all,
  });
  await seedCache(ask, 'team-a/api', {
    spec: { cacheSpec: [{ images: [api] }], imagePullSecrets: [{ name: 'registry' }] },
    images: [{ image: api, access: 'PullSecrets', anonymousPull: 'Denied' }],
    nodes: all,
  });
  await seedCache(ask, 'shop/models', {
    spec: { cacheSpec: [{ images: [model], nodeSelector: { tier: 'backend' } }] },
    images: [open(model)],
    nodes: others,
  });
  await seedCache(ask, 'shop/jobs', {
    spec: { cacheSpec: [{ images: [migrate] }] },
    images: [open(migrate)],
    nodes: { ...others, 'node-3': { ...third, state: 'Failed', images: 'fp' } },
    failures: {
      [migrate]: [{ node: 'node-3', reason: 'ErrImagePull', message: 'no match for platform in manifest: not found' }],
    },
  });
});

afterAll(async () => {
  await cluster.stop();
  await rm(folder, { recursive: true });
});

it('docs/plugin.md shows what the command prints for the Deployment on that page', async () => {
  const file = join(folder, 'storefront.yaml');
  await writeFile(file, manifest);
  const { code, out, err } = await plugin(command.replace('storefront.yaml', file));
  expect({ code, out, err }).toEqual({ code: 2, out: printed, err: '' });
});

it('one node may be checked alone, and all facts are there as JSON', async () => {
  const file = join(folder, 'storefront.yaml');
  const { code, out } = await plugin(`check -f ${file} --node=node-1 -o json`);
  const [check] = JSON.parse(out) as readonly [{ readonly nodes: readonly [{ readonly images: readonly object[] }] }];
  expect(code).toBe(2);
  expect(check).toMatchObject({ kind: 'Deployment', namespace: 'shop', name: 'storefront', verdict: 'fails' });
  expect(check.nodes).toHaveLength(1);
  expect(check.nodes[0].images).toMatchObject([
    { name: 'model', verdict: 'starts', presence: 'present', access: 'Anyone', caches: ['shop/models'] },
    { name: 'migrate', verdict: 'starts' },
    { name: 'web', verdict: 'fails', reason: 'AlwaysPulled', presence: 'present' },
    { name: 'api', verdict: 'fails', reason: 'AccessDenied', access: 'PullSecrets', caches: ['team-a/api'] },
    { name: 'sessions', verdict: 'fails', reason: 'OtherName', presence: 'absent' },
    { name: 'proxy', verdict: 'starts' },
  ]);
});
