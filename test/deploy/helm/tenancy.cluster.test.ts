import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import * as z from 'zod/mini';
import { readConfig } from '#runtime/config/config.ts';
import { startStandalone, type Standalone } from '../../../deploy/standalone/start-standalone.ts';
import { labUnderTest } from '../../behaviour/lab-under-test.ts';
import { allowedInTeamA, outsideOfTeamA, tenantImages } from '../../security/image-cases.ts';
import { manifestsIn, rendered } from './chart.ts';

const lab = await labUnderTest(2);
const install = 'tenancy-install';
const [ours, theirs] = ['tenancy-ours', 'tenancy-theirs'];
const account = 'tenancy';
const as = `--as=system:serviceaccount:${install}:${account}`;

const namespace = (name: string) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
const cache = (of: string) => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name: 'web', namespace: of },
  spec: { cacheSpec: [{ images: ['registry.example/web:1'] }] },
});
const ask = (of: string, path: string) => lab.ask('get', 'imagecache', 'web', '-n', of, '-o', `jsonpath={${path}}`);
const settled = (status: string) =>
  vi.waitFor(async () => expect(await ask(ours, '.status.status')).toBe(status), { timeout: 60_000, interval: 250 });

/** A kubeconfig of the account that the chart created. */
async function kubeconfigOfAccount(folder: string): Promise<string> {
  const token = (await lab.ask('create', 'token', account, '-n', install)).trim();
  const loose = z.looseObject({ users: z.array(z.looseObject({ name: z.string() })) });
  const config = loose.parse(parse(readFileSync(lab.kubeconfig, 'utf8')));
  const users = config.users.map(({ name }) => ({ name, user: { token } }));
  const file = join(folder, 'kubeconfig');
  writeFileSync(file, stringify({ ...config, users }));
  return file;
}

let folder = '';
let rights: readonly object[] = [];
let standalone: Standalone | undefined;
const lines: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenancy-'));
  const all = manifestsIn(await rendered(lab, `tenancy.namespaces={${ours}}`, `fullnameOverride=${account}`));
  const kinds = ['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding', 'Lease'];
  rights = all.filter(({ kind }) => kinds.includes(kind));
  // rendered() always renders for the namespace kube-fledged.
  rights = JSON.parse(JSON.stringify(rights).replaceAll('"kube-fledged"', `"${install}"`)) as readonly object[];
  await lab.apply({ apiVersion: 'v1', kind: 'List', items: [...[install, ours, theirs].map(namespace), ...rights] });
  for (const of of [ours, theirs]) await lab.apply(cache(of));
  const env = { KUBEFLEDGED_NAMESPACE: install, WATCH_NAMESPACES: ours, TICK_SCHEDULE: '*/5 * * * * *', PORT: '0' };
  const config = readConfig([`--kubeconfig=${await kubeconfigOfAccount(folder)}`], env);
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  standalone = await startStandalone(config, { host: '127.0.0.1', lockFolder: folder, log });
});

afterAll(async () => {
  await standalone?.stop();
  rmSync(folder, { recursive: true });
  await lab.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rights }), 'delete', '-f', '-');
  for (const of of [install, ours, theirs]) await lab.ask('delete', 'namespace', of, '--wait=false');
});

describe('a product limited to one namespace, with the rights of the chart', () => {
  it('pulls the images of its caches', () => settled('Succeeded'));

  it('removes images with Jobs in the install namespace', async () => {
    await lab.ask('annotate', 'imagecache', 'web', '-n', ours, 'kubefledged.io/purge-imagecache=');
    await vi.waitFor(async () => expect(await ask(ours, '.status.removals.*.state')).toMatch(/^Removed( Removed)*$/), {
      timeout: 60_000,
      interval: 250,
    });
    expect(await ask(ours, '.status.reason')).toBe('ImageCachePurge');
  });

  it('does not touch caches in other namespaces', async () => {
    expect(await ask(theirs, '.status')).toBe('');
    expect(await lab.ask('get', 'jobs', '-n', theirs, '-o', 'name')).toBe('');
  });

  it('was never denied a request', () => {
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.filter((line) => /cannot \w+ resource|no right|"status":403|"level":[4-6]0/.test(line))).toEqual([]);
  });

  it.each([
    ['list', 'imagecaches.kubefledged.io', theirs],
    ['get', 'imagecaches.kubefledged.io', install],
    ['create', 'jobs.batch', theirs],
    ['list', 'pods', theirs],
    ['get', 'namespaces', theirs],
    ['patch', 'nodes', theirs],
  ])('may not %s %s in %s', async (verb, resource, of) => {
    expect((await lab.kubectl('auth', 'can-i', verb, resource, '-n', of, as)).stdout).toBe('no\n');
  });
});

describe('a tenant of an isolated installation', () => {
  const team = 'tenancy-isolated';
  const tenant = ['--as=tenant', '--as-group=system:authenticated'];
  let objects: readonly object[] = [];

  const create = (spec: object) => {
    const object = { ...cache(team), spec };
    const args = ['create', '--dry-run=server', '-o', 'name', '-f', '-', ...tenant];
    return lab.kubectlWith(JSON.stringify(object), ...args);
  };
  const listing = (...images: readonly string[]) => ({ cacheSpec: [{ images }] });
  const role = (rules: readonly object[]) => ({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'Role',
    metadata: { name: 'tenant', namespace: team },
    rules,
  });
  const writesCaches = { apiGroups: ['kubefledged.io'], resources: ['imagecaches'], verbs: ['*'] };
  const fromDeployments = { cacheSpec: [{ imagesFrom: { kinds: ['Deployment'] } }] };

  beforeAll(async () => {
    await lab.apply(namespace(team));
    const sets = Object.entries(tenantImages).map(
      ([name, patterns]) => `tenancy.images.${name === 'team-a' ? team : name}={${patterns.join(',')}}`,
    );
    const chart = manifestsIn(
      await rendered(lab, 'tenancy.mode=Isolated', 'workloads.kinds={Deployment}', `fullnameOverride=${team}`, ...sets),
    );
    // The caches of the other tests in this lab are not of these tenants.
    const matchResources = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': team } } };
    objects = chart
      .filter(({ metadata }) => metadata.name === `${team}-tenancy`)
      .map((object) =>
        object.kind === 'ValidatingAdmissionPolicyBinding'
          ? { ...object, spec: Object.assign({}, object['spec'], { matchResources }) }
          : object,
      );
    expect(objects).toHaveLength(2);
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'tenant' }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'tenant' };
    const metadata = { name: 'tenant', namespace: team };
    const binding = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata, subjects, roleRef };
    await lab.apply({ apiVersion: 'v1', kind: 'List', items: [role([writesCaches]), binding, ...objects] });
    const denied = async () => expect((await create(listing('evil.example/a'))).stderr).toContain('is not allowed');
    await vi.waitFor(denied, { timeout: 30_000, interval: 200 });
  });
  afterAll(async () => {
    await lab.kubectlWith(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }), 'delete', '-f', '-');
    await lab.ask('delete', 'namespace', team, '--wait=false');
  });

  it('has a policy whose types the API server finds no fault with', async () => {
    const path = 'jsonpath={.status.typeChecking.expressionWarnings}';
    await vi.waitFor(async () =>
      expect(
        await lab.ask('get', 'validatingadmissionpolicy', `${team}-tenancy`, '-o', 'jsonpath={.status}'),
      ).toContain('observedGeneration'),
    );
    expect(await lab.ask('get', 'validatingadmissionpolicy', `${team}-tenancy`, '-o', path)).toBe('');
  });

  it('may list images of its patterns', async () => {
    expect(await create(listing(...allowedInTeamA))).toMatchObject({ code: 0, stderr: '' });
  });

  it('may list no other, and reads which it may have', async () => {
    const refused = await Promise.all(outsideOfTeamA.map(async (image) => (await create(listing(image))).stderr));
    const words = new RegExp(`is not allowed in namespace ${team}, which may have registry|Invalid value`);
    expect(refused.filter((error) => !words.test(error))).toEqual([]);
  });

  it('may have the longest list checked within the limits of an expression', async () => {
    const images = Array.from({ length: 1000 }, (_, index) => `registry.example.com/team-a/app-${index}:1`);
    expect(await create(listing(...images))).toMatchObject({ code: 0, stderr: '' });
    expect((await create(listing(...images.slice(1), 'httpd:2'))).stderr).toContain('images: httpd:2 is not allowed');
  });

  it('names secrets and workloads only with the right to read them', async () => {
    const withSecret = { ...listing('nginx:1'), imagePullSecrets: [{ name: 'any' }] };
    expect((await create(withSecret)).stderr).toContain('are only for users who may get secrets in this namespace');
    expect((await create(fromDeployments)).stderr).toMatch(/only for users who may (list deployments|get secrets)/);
    const reads = [
      { apiGroups: [''], resources: ['secrets'], verbs: ['get'] },
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['list'] },
    ];
    await lab.apply(role([writesCaches, ...reads]));
    const admitted = async () => {
      expect((await create(withSecret)).code).toBe(0);
      expect((await create(fromDeployments)).code).toBe(0);
    };
    await vi.waitFor(admitted, { timeout: 30_000, interval: 500 });
  });

  it('has a refresh requested of a cache that is older than the policy', async () => {
    await lab.ask('delete', 'validatingadmissionpolicybinding', `${team}-tenancy`);
    await vi.waitFor(async () => lab.apply({ ...cache(team), spec: listing('evil.example/a:1') }), {
      timeout: 30_000,
      interval: 500,
    });
    await lab.apply({ apiVersion: 'v1', kind: 'List', items: objects });
    await vi.waitFor(async () => expect((await create(listing('evil.example/a'))).code).not.toBe(0), {
      timeout: 30_000,
      interval: 200,
    });
    await lab.ask('annotate', 'ic', 'web', '-n', team, 'kubefledged.io/refresh-imagecache=', ...tenant);
  });
});
