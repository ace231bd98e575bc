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
