import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod/mini';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import { readConfig } from '#runtime/config/config.ts';
import { createLog } from '#runtime/process/log.ts';
import { startStandalone, type Standalone } from '../../../deploy/standalone/start-standalone.ts';
import { commands } from '../../../deploy/plugin/commands.ts';
import { connect } from '../../../deploy/plugin/connect.ts';
import { testSimulator, type TestSimulator } from '@imagecache-functions/simulator/testing';
import { pluginAt, widest, type Plugin } from './plugin.ts';
import { apiWithRights } from './rights.ts';

const cache = (name: string, images: readonly string[], of: object = {}): object => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name },
  spec: { cacheSpec: [{ images }] },
  ...of,
});
const Rules = z.array(
  z.object({ apiGroups: z.array(z.string()), resources: z.array(z.string()), verbs: z.array(z.string()) }),
);
const cachesPath = '/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches';

let cluster: TestSimulator;
let standalone: Standalone;
let folder: string;
let plugin: Plugin;

const apply = (object: object): Promise<unknown> => cluster.ask({ method: 'POST', path: cachesPath, body: object });

beforeAll(async () => {
  cluster = await testSimulator({ nodes: 3 });
  folder = await mkdtemp(join(tmpdir(), 'plugin-'));
  plugin = pluginAt(cluster.kubeconfig);
  const config = { ...readConfig(['--kubeconfig', cluster.kubeconfig], {}), port: 0 };
  standalone = await startStandalone(config, {
    log: createLog('fatal'),
    host: '127.0.0.1',
    lockFolder: folder,
    registry: {
      digest: () => Promise.resolve({ type: 'unknown', reason: 'a test' }),
      anonymousPull: () => Promise.resolve(undefined),
      close: () => undefined,
    },
  });
});

afterAll(async () => {
  await standalone.stop();
  await cluster.stop();
  await rm(folder, { recursive: true });
});

describe('kubectl imagecache plan', () => {
  it('shows what would be pulled to which nodes, and stores nothing', async () => {
    const { code, out, err } = await plugin('plan -f -', cache('planned', ['registry.example/planned:1']));
    expect([code, err]).toEqual([0, expect.stringContaining('Nothing was changed.')]);
    expect(out).toContain('planned in default: new\n3 nodes: 3 with work');
    expect(out).toMatch(/3 +0 +0 +\? +registry\.example\/planned:1|0 +3 +0 +\? +registry\.example\/planned:1/);
    expect((await plugin('status planned')).code).toBe(1);
  });

  it('agrees with what is pulled afterwards', async () => {
    const manifest = cache('really', ['registry.example/really:1', 'registry.example/really:2']);
    const before = JSON.parse((await plugin('plan -f - -o json', manifest)).out) as readonly {
      nodes: readonly { name: string }[];
    }[];
    await apply(manifest);
    expect((await plugin('wait really --timeout=15s')).code).toBe(0);
    const report = JSON.parse((await plugin('status really -o json')).out) as { nodes: readonly { name: string }[] };
    expect(before[0]?.nodes.map(({ name }) => name)).toEqual(report.nodes.map(({ name }) => name));
    const again = await plugin('plan -f -', manifest);
    expect(again.out).toContain('really in default: no change, no new round\n3 nodes: 3 without work');
    const edited = await plugin(
      'plan -f -',
      cache('really', ['registry.example/really:2', 'registry.example/really:3']),
    );
    expect(edited.out).toContain('starts a round: Update');
    expect(edited.out).toMatch(/^3 removals, .*, unless a container uses the image$/m);
    expect(edited.out).toMatch(/ 3 +\S+(?: [kM]?B)? +registry\.example\/really:1$/m);
  });

  it('says what of the images of workloads cannot be read', async () => {
    const found = { spec: { cacheSpec: [{ images: ['a:1'], imagesFrom: { kinds: ['Pod'] } }] } };
    const { out, err } = await plugin('plan -f -', cache('found', [], found));
    expect(out).toContain('found in default: new\n3 nodes: 3 with work');
    expect(err).toContain('found: The setting WORKLOAD_KINDS does not allow to read kind Pod\n');
  });

  it('prints the error of the API server for an invalid manifest', async () => {
    const wrong = await plugin('plan -f -', cache('wrong', ['Not An Image']));
    expect(wrong).toMatchObject({ code: 1, out: '' });
    expect(wrong.err).toContain('Error from server (Invalid)');
    expect(wrong.err).toContain('spec.cacheSpec[0].images[0]');
    const unknown = await plugin('plan -f -', cache('wrong', ['a:1'], { spec: { cacheSpec: [], suspended: true } }));
    expect(unknown.err).toContain('unknown field "spec.suspended"');
  });

  it.each([
    ['plan', 'error: must specify --filename (-f)'],
    ['plan -f /does/not/exist', 'error: the path "/does/not/exist" cannot be read: ENOENT'],
    ['plan -f package.json', 'error: package.json contains an object without a kind'],
    ['plan -f crds/imagecache.yaml', 'error: no ImageCache in crds/imagecache.yaml'],
  ])('rejects %s', async (command, message) => {
    const { code, err } = await plugin(command);
    expect(code).toBe(1);
    expect(err).toContain(message);
  });
});

describe('kubectl imagecache wait, status, refresh', () => {
  it('report a failure with exit code, image and reason', async () => {
    await apply(cache('broken', ['registry.example/missing-one:1', 'registry.example/good:1']));
    const waited = await plugin('wait broken --timeout=15s');
    expect([waited.code, waited.out]).toEqual([2, 'imagecache/broken failed, 0 of 3 nodes ready, 3 failed\n']);
    expect(waited.err).toMatch(
      /^registry\.example\/missing-one:1 on .*node-1.*\n {2}(ErrImagePull|ImagePullBackOff): /m,
    );
    expect(waited.err).not.toContain('registry.example/good:1');
    const { out } = await plugin('status broken');
    expect(out).toMatch(/^broken in default: Failed\n0 of 3 nodes ready, 3 failed\n/);
    expect(out).toMatch(/ +3\/3 +Anyone +registry\.example\/good:1/);
    expect(out).toMatch(/ +0\/3 +registry\.example\/missing-one:1/);
    expect(out).toMatch(/node-1 +Failed +\+x/);
    expect(out).toMatch(/^registry\.example\/missing-one:1 on .*node-1.*\n {2}(ErrImagePull|ImagePullBackOff): /m);
    expect(widest(out)).toBeLessThanOrEqual(80);
    const late = await plugin('wait broken --for=ready --timeout=300ms');
    expect(late.code).toBe(3);
    expect(late.err.match(/imagecache\/broken/g)).toHaveLength(2);
    expect(late.err).toContain('registry.example/missing-one:1 on ');
  });

  it('requests a refresh and waits for it', async () => {
    await apply(cache('fresh', ['registry.example/fresh:1']));
    await plugin('wait fresh --timeout=15s');
    const round = async (): Promise<number> =>
      (JSON.parse((await plugin('status fresh -o json')).out) as { round: { number: number } }).round.number;
    const before = await round();
    const { code, out } = await plugin('refresh fresh --wait --timeout=15s');
    expect([code, out]).toEqual([
      0,
      'imagecache.kubefledged.io/fresh refresh requested\nimagecache/fresh done, 3 of 3 nodes ready\n',
    ]);
    expect(await round()).toBe(before + 1);
  });

  it('requests a refresh in which all nodes prove their credentials', async () => {
    await apply(cache('proven', ['registry.example/proven:1']));
    await plugin('wait proven --timeout=15s');
    const { code, out } = await plugin('refresh proven --verify --wait --timeout=15s');
    expect([code, out]).toEqual([
      0,
      'imagecache.kubefledged.io/proven refresh requested\nimagecache/proven done, 3 of 3 nodes ready\n',
    ]);
    // A Ready node that is left alone has no attempt in the round.
    const { body } = await cluster.ask({ method: 'GET', path: `${cachesPath}/proven` });
    const { status } = parseImageCache(body);
    expect(status.round?.number).toBe(2);
    expect(Object.values(status.nodes).map(({ attempt }) => attempt)).toEqual([1, 1, 1]);
  });

  it('lists caches, failed ones first', async () => {
    const { out } = await plugin('status -A');
    const [head, first] = out.split('\n');
    expect(head).toMatch(/^NAMESPACE +NAME +STATUS +READY +FAILING +FAILED +SKIPPED +IMAGES +AGE$/);
    expect(first).toMatch(/^default +broken +Failed +0\/3 +0 +3 +0 +2 +\d+s$/);
    expect((await plugin('status -n empty')).err).toBe('No resources found in empty namespace.\n');
  });

  it('says why a cache would be refused', async () => {
    const cacheSpec = [{ images: ['a.example/a:1'] }];
    const greedy = cache('greedy', [], { spec: { cacheSpec, priorityClassName: 'system-node-critical' } });
    const { out } = await plugin('plan -f -', greedy);
    expect(out).toMatch(/^greedy in \S+: Refused: spec.priorityClassName is system-node-critical/);
    expect(out).not.toContain('no node is selected');
  });

  it('counts a suspended cache as failed', async () => {
    await apply(
      cache('asleep', ['a.example/a:1'], { spec: { cacheSpec: [{ images: ['a.example/a:1'] }], suspend: true } }),
    );
    expect((await plugin('wait asleep --timeout=5s')).code).toBe(2);
    expect(
      (await plugin('plan -f -', cache('asleep', ['a.example/a:1'], { spec: { cacheSpec: [], suspend: true } }))).out,
    ).toContain('suspended, no work is started');
  });

  it('have a help of purge that speaks of removed images', async () => {
    const { out } = await plugin('purge --help');
    expect(out.replaceAll(/\s+/g, ' ')).toContain('Exit codes: 0 all images are removed');
    expect((await plugin('refresh --help')).out.replaceAll(/\s+/g, ' ')).toContain('0 all images are present,');
  });

  it('requests a purge by annotation', async () => {
    await apply(cache('purged', ['registry.example/purged:1'], { spec: { cacheSpec: [], suspend: true } }));
    expect(await plugin('purge purged')).toMatchObject({
      code: 0,
      out: 'imagecache.kubefledged.io/purged purge requested\n',
    });
    const stored = await cluster.ask({ method: 'GET', path: `${cachesPath}/purged` });
    expect(JSON.stringify(stored.body)).toMatch(/"kubefledged\.io\/purge-requested-at":"\d{4}-\d\d-\d\dT/);
  });
});

describe.concurrent('kubectl imagecache wait --for-images', () => {
  const deployment = (name: string, images: readonly string[], of: object = {}): object => ({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
    spec: { template: { spec: { containers: images.map((image, index) => ({ name: `c${index}`, image })), ...of } } },
  });
  const wait = (input: object, ...flags: readonly string[]) =>
    plugin(['wait --for-images -f - --timeout=15s', ...flags].join(' '), input);
  const cachePath = (name: string): string => `${cachesPath}/rollout-deployment-${name}`;
  const read = (name: string) => cluster.ask({ method: 'GET', path: cachePath(name) });
  const readCache = async (name: string) => parseImageCache((await read(name)).body);
  const images = async (name: string): Promise<readonly string[]> =>
    (await readCache(name)).spec.lists.flatMap((list) => list.images);

  it('pulls the images of a template that is not applied yet, where and as its Pods will need them', async () => {
    const web = deployment('fore', ['registry.example/fore:1'], {
      initContainers: [{ name: 'init', image: 'registry.example/fore-init:1' }],
      volumes: [{ name: 'model', image: { reference: 'registry.example/fore-model:1' } }],
      nodeSelector: { 'kubernetes.io/hostname': 'node-2' },
    });
    const { code, out } = await wait(web);
    expect([code, out]).toEqual([0, 'imagecache/rollout-deployment-fore done, 1 of 1 node ready\n']);
    expect((await plugin('check -f -', web)).out).toContain('deployment/fore in default: starts on 1 node');
  });

  it('returns at once, and applies nothing, if a cache has all images on all nodes', async () => {
    await apply(cache('complete', ['registry.example/complete:1', 'registry.example/complete:2']));
    await plugin('wait complete --timeout=15s');
    const { code, out } = await wait(deployment('held', ['registry.example/complete:1']));
    expect([code, out]).toEqual([0, 'deployment/held in default: all images are on 3 nodes already\n']);
    expect((await read('held')).status).toBe(404);
    const more = await wait(deployment('held', ['registry.example/complete:1', 'registry.example/complete:3']));
    expect([more.code, more.out]).toEqual([0, 'imagecache/rollout-deployment-held done, 3 of 3 nodes ready\n']);
  });

  it('waits for every object of a List, once for one that is there twice', async () => {
    const items = ['one', 'two', 'one'].map((name, index) => deployment(name, [`registry.example/${name}:${index}`]));
    const { code, out } = await wait({ apiVersion: 'v1', kind: 'List', items });
    expect([code, out.match(/done, 3 of 3 nodes ready/g)]).toEqual([0, Array(2).fill('done, 3 of 3 nodes ready')]);
    expect(await images('one')).toEqual(['registry.example/one:2']);
  });

  it('fails with the image, the nodes and the reason, and tries again when it is called again', async () => {
    const failing = deployment('failing', ['registry.example/missing-fore:1']);
    const first = await wait(failing);
    expect([first.code, first.out]).toEqual([
      2,
      'imagecache/rollout-deployment-failing failed, 0 of 3 nodes ready, 3 failed\n',
    ]);
    expect(first.err).toMatch(
      /^registry\.example\/missing-fore:1 on .*node-1.*\n {2}(ErrImagePull|ImagePullBackOff): /m,
    );
    const round = async (): Promise<number | undefined> => (await readCache('failing')).status.round?.number;
    const before = await round();
    expect((await wait(failing)).code).toBe(2);
    expect(await round()).toBe((before ?? 0) + 1);
  });

  it('succeeds where no node matches, and has a cache for those that join', async () => {
    const nowhere = deployment('nowhere', ['registry.example/nowhere:1'], { nodeSelector: { pool: 'empty' } });
    expect(await wait(nowhere)).toMatchObject({ code: 0, out: 'imagecache/rollout-deployment-nowhere done\n' });
  });

  it('times out with exit code 3', async () => {
    const slow = await plugin('wait --for-images -f - --timeout=1ms', deployment('slow', ['registry.example/slow:1']));
    expect([slow.code, slow.out]).toEqual([3, '']);
    expect(slow.err).toContain('error: timed out after ');
  });

  const pod = (name: string, image: string): object => ({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name } },
    spec: { containers: [{ name: 'app', image: `registry.example/${image}` }] },
  });
  const run = (name: string, image: string) =>
    cluster.ask({ method: 'POST', path: '/api/v1/namespaces/default/pods', body: pod(name, image) });

  it('keeps what the workload runs, and drops all other images of former calls', async () => {
    const path = `${cachesPath}/rollout-pod-steps`;
    const inCache = async () =>
      parseImageCache((await cluster.ask({ method: 'GET', path })).body).spec.lists.flatMap((list) => list.images);
    await wait(pod('steps', 'steps:1'));
    await run('steps', 'steps:1');
    expect((await wait(pod('steps', 'missing-steps:2'))).code).toBe(2);
    expect(await inCache()).toEqual(['registry.example/missing-steps:2', 'registry.example/steps:1']);
    expect((await wait(pod('steps', 'steps:3'))).code).toBe(0);
    expect(await inCache()).toEqual(['registry.example/steps:3', 'registry.example/steps:1']);
  });

  it('succeeds although an image that the workload runs is gone from the registry', async () => {
    const labels = { 'app.kubernetes.io/managed-by': 'kubectl-imagecache' };
    await apply(cache('', ['registry.example/missing-gone:1'], { metadata: { name: 'rollout-pod-gone', labels } }));
    await run('gone', 'missing-gone:1');
    const { code, out } = await wait(pod('gone', 'gone:2'));
    expect([code, out]).toEqual([0, 'imagecache/rollout-pod-gone done, 0 of 3 nodes ready, 3 failed\n']);
  });

  it('pulls with the secrets of a service account that is only in the file yet', async () => {
    const account = { metadata: { name: 'later' }, imagePullSecrets: [{ name: 'regcred' }] };
    const items = [
      { apiVersion: 'v1', kind: 'ServiceAccount', ...account },
      deployment('first', ['registry.example/first:1'], { serviceAccountName: 'later' }),
    ];
    const { code, err } = await wait({ apiVersion: 'v1', kind: 'List', items });
    expect([code, err]).toEqual([0, expect.stringContaining('service account default/later does not exist yet')]);
    const { spec } = await readCache('first');
    expect([spec.serviceAccountName, spec.imagePullSecrets]).toEqual(['default', ['regcred']]);
  });

  it('requests a refresh for images that may have moved', async () => {
    const moving = deployment('moving', ['registry.example/moving']);
    expect((await wait(moving)).code).toBe(0);
    expect((await wait(moving)).code).toBe(0);
    const { spec, status } = await readCache('moving');
    expect([spec.imagePullPolicy, status.round?.number]).toEqual(['Always', 2]);
  });

  it('deletes its cache afterwards if that is asked for, and leaves the images', async () => {
    const brief = deployment('brief', ['registry.example/brief:1']);
    expect((await wait(brief, '--delete')).code).toBe(0);
    expect((await read('brief')).status).toBe(404);
    expect((await plugin('check -f -', brief)).out).toContain('a preloaded image starts');
  });

  it.each(['argocd-presync/rights.yaml', 'helm-pre-upgrade/templates/pre-rollout.yaml'])(
    'needs all rights of the sample %s, and no others',
    async (file) => {
      const text = await readFile(join('deploy/gitops', file), 'utf8');
      const [, rules = ''] = /^rules:\n((?:[# -].*\n)+?)---/m.exec(text) ?? [];
      const allowed = Rules.parse(parse(rules)).flatMap(
        ({ apiGroups: [group = ''], resources: [resource = ''], verbs }) =>
          verbs.map((verb) => `${verb} ${group}/${resource}`),
      );
      const api = apiWithRights(connect({ kubeconfig: cluster.kubeconfig, context: undefined }, {}), new Set(allowed));
      const name = `rights-${file.split('/')[0] ?? ''}`;
      const waitFor = (image: string) =>
        commands['wait']?.run({
          ...{ api, names: [], namespace: 'default', allNamespaces: false, output: '' },
          text: (flag) => ({ timeout: '15s' })[flag],
          texts: (flag) => (flag === 'filename' ? ['-'] : []),
          isOn: (flag) => flag === 'for-images',
          terminal: {
            ...{ print: () => undefined, note: () => undefined, width: undefined, colour: (_, text) => text },
            input: () => Promise.resolve(JSON.stringify(deployment(name, [`registry.example/${image}`]))),
          },
        });
      const codes = [await waitFor(`${name}:1`), await waitFor(`${name}:2`)];
      api.close();
      expect([codes, [...api.used].toSorted()]).toEqual([[0, 0], allowed.toSorted()]);
    },
  );

  it('leaves a cache alone that somebody else has made', async () => {
    await apply(cache('rollout-deployment-theirs', ['registry.example/theirs:1']));
    const { code, err } = await wait(deployment('theirs', ['registry.example/theirs:2']));
    expect([code, err]).toEqual([
      1,
      'error: the ImageCache default/rollout-deployment-theirs was not made by this command\n',
    ]);
    expect(await images('theirs')).toEqual(['registry.example/theirs:1']);
  });
});

describe('kubectl imagecache explain', () => {
  it('says why a node is not ready, from the spec to the word of the kubelet', async () => {
    await apply(cache('puzzling', ['registry.example/missing-two:1', 'registry.example/fine:1']));
    expect((await plugin('wait puzzling --timeout=15s')).code).toBe(2);
    const { code, out } = await plugin('explain puzzling node-1');
    expect(code).toBe(2);
    expect(out).toMatch(/^puzzling in default on node-1: not ready\n/);
    expect(out).toMatch(/^ {2}\+ spec\.cacheSpec\[0\] selects it: 2 images$/m);
    expect(out).toMatch(/^ {2}\. 1 of 2 images is missing$/m);
    expect(out).toMatch(/^ {2}x registry\.example\/missing-two:1: (ErrImagePull|ImagePullBackOff): /m);
    expect(out.replaceAll(/\s+/g, ' ')).toContain('kubectl imagecache refresh puzzling -n default');
    expect(widest(out)).toBeLessThanOrEqual(80);
    const { steps } = JSON.parse((await plugin('explain puzzling node-1 -o json')).out) as { steps: unknown[] };
    expect(steps.at(-1)).toMatchObject({ verdict: 'holds' });
  });

  it('says that a node is ready, that it is not selected, and that there is none', async () => {
    await apply(cache('plain', ['registry.example/plain:1']));
    await plugin('wait plain --timeout=15s');
    expect(await plugin('explain plain node-2')).toMatchObject({
      code: 0,
      out: expect.stringContaining('ready') as string,
    });
    expect(await plugin('explain plain nowhere')).toMatchObject({
      code: 1,
      err: expect.stringContaining('nodes "nowhere" not found') as string,
    });
    expect((await plugin('explain asleep node-1')).out).toContain('x spec.suspend is true');
  });
});

describe('kubectl imagecache completion', () => {
  it('prints the program that kubectl runs for completions', async () => {
    expect((await plugin('completion')).out).toMatch(/^#!\/bin\/sh\n[^]*exec kubectl imagecache __complete "\$@"\n$/);
  });

  it.each([
    ['__complete ex', ['explain\tExplain why a node has the images of a cache, or not', ':4']],
    ['__complete status -A --out', ['--output\tOutput format: json, yaml or wide.', ':4']],
    ['__complete status -o y', ['yaml', ':4']],
    ['__complete plan -f ', [':0']],
    ['__complete wait --for-images -f ', [':0']],
    [
      '__complete wait --for-im',
      ['--for-images\tPull the images of the Pods and workloads in files, and wait for them.', ':4'],
    ],
    ['__complete wait plai', ['plain', ':4']],
    ['__complete explain -n default plain node-3', ['node-3', ':4']],
    ['__complete wait plain pl', [':4']],
    ['__complete auth defau', ['default', ':4']],
    ['__complete auth default d', [':4']],
    ['__complete bogus x', [':4']],
  ])('of %s', async (command, lines) => {
    expect((await plugin(command)).out.trimEnd().split('\n')).toEqual(lines);
  });
});

describe('kubectl imagecache check', () => {
  const pod = (name: string, image: string): object => ({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name } },
    spec: { containers: [{ name: 'app', image }] },
  });

  it('agrees with what a cache has pulled, image by image', async () => {
    await apply(cache('checked', ['registry.example/checked:1']));
    expect((await plugin('wait checked --timeout=15s')).code).toBe(0);
    const { code, out, err } = await plugin('check -f -', pod('web', 'registry.example/checked:1'));
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^pod\/web in default: starts on 3 nodes$/m);
    expect(out).toMatch(/^ +3\/3 +starts +Anyone +app +registry\.example\/checked:1$/m);
    const other = await plugin('check -f - --node=node-1', pod('web', 'registry.example/checked:2'));
    expect(other).toMatchObject({ code: 2, err: '' });
    expect(other.out).toMatch(/^ +0\/1 +fails +app +registry\.example\/checked:2$/m);
  });

  it('checks a Pod of the cluster on the node that it is bound to', async () => {
    const path = '/api/v1/namespaces/default/pods';
    await cluster.ask({ method: 'POST', path, body: pod('bound', 'registry.example/checked:1') });
    await vi.waitFor(async () => {
      const { out } = await plugin('check pod/bound');
      expect(out).toContain('pod/bound in default: starts on 1 node');
    });
  });
});

describe('kubectl imagecache migrate --check', () => {
  it('reports nothing if kube-fledged was never installed', async () => {
    const { code, out } = await plugin('migrate --check');
    expect([code, out]).toEqual([0, expect.stringContaining('Nothing that could be checked blocks.')]);
    expect((await plugin('migrate')).err).toContain('must specify --check');
  });
});

describe('kubectl imagecache', () => {
  it('prints help of at most 80 columns, for the plugin and for each command', async () => {
    const all = await plugin('');
    for (const name of Object.keys(commands)) {
      expect(all.out).toContain(`  ${name} `);
      const { code, out } = await plugin(`${name} --help`);
      expect([code, widest(out) <= 80, out.includes(`kubectl imagecache ${name}`)]).toEqual([0, true, true]);
    }
    expect(widest(all.out)).toBeLessThanOrEqual(80);
  });

  it.each([
    ['bogus', 'error: unknown command "bogus"'],
    ['status --bogus', "error: Unknown option '--bogus'"],
    ['status a b', 'error: unexpected "b"'],
    ['wait', 'error: a name is missing: kubectl imagecache wait NAME'],
    ['wait x --for=ever', 'error: --for must be over or ready, not "ever"'],
    ['wait x --timeout=soon', 'error: --timeout is "soon", expected a duration'],
    ['wait --for-images', 'error: must specify --filename (-f)'],
    ['wait x --for-images -f package.json', 'error: unexpected "x": --for-images waits for files (-f)'],
    ['wait -f package.json', 'error: --filename (-f) and --delete need --for-images'],
    ['wait --for-images -f x --for=ready', 'error: --for=ready does not apply to --for-images'],
    ['wait --for-images -f deploy/samples/imagecache.yaml', 'error: no Pod and no workload in deploy/samples/'],
    ['status -o xml', 'error: unable to match "xml" as an output format'],
    ['status --context=other', 'error: context "other" does not exist'],
    ['status nothere', 'error: imagecaches.kubefledged.io "nothere" not found'],
    ['check', 'error: must specify either --filename (-f) or KIND/NAME'],
    ['check pod/web -f package.json', 'error: must specify either --filename (-f) or KIND/NAME'],
    ['check pod', 'error: "pod" is not KIND/NAME, such as deployment/web'],
    [
      'check secret/web',
      'error: cannot check secret: pod, deployment, statefulset, daemonset, replicaset, job, cronjob',
    ],
    ['check pod/nothere', 'Error from server (NotFound): pods "nothere" not found'],
    ['check -f deploy/samples/imagecache.yaml', 'error: no Pod and no workload in deploy/samples/imagecache.yaml'],
    ['refresh nothere', 'Error from server (NotFound): imagecaches.kubefledged.io "nothere" not found'],
  ])('rejects %s with an error message', async (command, message) => {
    const { code, err } = await plugin(command);
    expect(code).toBe(1);
    expect(err).toContain(message);
    expect(err).not.toMatch(/^ +at /m);
  });
});
