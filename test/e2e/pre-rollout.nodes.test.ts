import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import * as z from 'zod/mini';
import type { Lab } from '../cluster/lab.ts';
import { helm, root } from '../deploy/helm/chart.ts';
import { repetitions } from '../support/repetitions.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import { preparedLab } from './prepared-lab.ts';
import { productImage } from './product-image.ts';

/** The samples of deploy/gitops, with images of the lab. */

const namespace = 'shop';
const helmNamespace = 'helm-shop';
const rollouts = repetitions(1, 10);

let lab: Lab;
let product: OnNodes;
let hookImage: string;
let tags = 0;
beforeAll(async () => {
  lab = await preparedLab(namespace, helmNamespace);
  hookImage = await productImage(lab, 'functions');
  product = await startOnNodes(lab, ['--image-cache-refresh-frequency=0s'], { REMOVAL_IMAGE: hookImage });
});
afterAll(async () => {
  await lab.ask('delete', 'namespace', namespace, helmNamespace, '--wait=false');
  await product.stop();
});

const newTag = async (): Promise<string> =>
  lab.pushImage({ name: `web:${(tags += 1)}`, program: 'pause', bytes: 1000 });

const Hook = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), annotations: z._default(z.record(z.string(), z.string()), {}) }),
});
type Hook = z.infer<typeof Hook>;
const isHook = ({ metadata }: Hook): boolean => metadata.annotations['argocd.argoproj.io/hook'] === 'PreSync';
const waveOf = ({ metadata }: Hook): number => Number(metadata.annotations['argocd.argoproj.io/sync-wave'] ?? 0);

/** The sample for Argo CD, with this image of the application. */
async function rendered(image: string): Promise<readonly Hook[]> {
  const folder = await mkdtemp(join(tmpdir(), 'presync-'));
  try {
    await cp(join(root, 'deploy/gitops/argocd-presync'), folder, { recursive: true });
    const replaceIn = async (file: string, from: string, to: string): Promise<void> => {
      const before = await readFile(join(folder, file), 'utf8');
      expect(before).toContain(from);
      await writeFile(join(folder, file), before.replace(from, to));
    };
    await replaceIn('deployment.yaml', 'registry.example.com/shop/web:1', image);
    await replaceIn(
      'deployment.yaml',
      '      containers:',
      '      terminationGracePeriodSeconds: 1\n      containers:',
    );
    await replaceIn('job.yaml', 'registry.example.com/imagecache-functions:0.1.0', hookImage);
    const documents = parseAllDocuments(await lab.ask('kustomize', folder));
    return [documents].flat().map((document) => Hook.parse(document.toJS()));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Applies PreSync hooks as Argo CD does: wave by wave, each deleted first; resolves with the log of their Job. */
async function preSync(objects: readonly Hook[]): Promise<{ readonly isComplete: boolean; readonly log: string }> {
  for (const hook of objects.filter(isHook).toSorted((a, b) => waveOf(a) - waveOf(b))) {
    await lab.ask('delete', hook.kind, hook.metadata.name, '-n', namespace, '--ignore-not-found');
    await lab.apply(hook);
  }
  const job = ['job/pre-rollout', '-n', namespace];
  const condition = ['-o', 'jsonpath={.status.conditions[?(@.status=="True")].type}'];
  await expect.poll(() => lab.ask('get', ...job, ...condition), { timeout: 120_000 }).toMatch(/Complete|Failed/);
  const log = await lab.ask('logs', ...job);
  return { isComplete: (await lab.ask('get', ...job, ...condition)).includes('Complete'), log };
}

/** Applies everything else, and resolves when the rollout is over. */
async function sync(objects: readonly Hook[]): Promise<void> {
  await lab.apply({ apiVersion: 'v1', kind: 'List', items: objects.filter((object) => !isHook(object)) });
  await lab.ask('rollout', 'status', 'deployment/web', '-n', namespace, '--timeout=100s');
}

const Events = z.object({
  items: z.array(z.object({ reason: z.string(), message: z.string(), involvedObject: z.object({ name: z.string() }) })),
});

/** How often kubelets have pulled an image for the Pods of the Deployment, once both have reported that it is there. */
async function pullsBy(pods: string, image: string, inNamespace = namespace): Promise<number> {
  for (;;) {
    const json = await lab.ask('get', 'events', '-n', inNamespace, '-o', 'json');
    const ofPods = Events.parse(JSON.parse(json)).items.filter(
      ({ message, involvedObject }) => message.includes(`"${image}"`) && involvedObject.name.startsWith(`${pods}-`),
    );
    const pulling = ofPods.filter(({ reason }) => reason === 'Pulling');
    if (ofPods.filter(({ reason }) => reason === 'Pulled').length >= 2) return pulling.length;
    await sleep(300);
  }
}

describe('a rollout to a new tag on real nodes', { timeout: 60_000 + rollouts * 120_000 }, () => {
  const counts: { readonly hook: number; readonly none: number }[] = [];
  afterAll(() => console.table(counts));

  it(`pulls nothing behind the PreSync hook, and does without it, ${rollouts} times of ${rollouts}`, async () => {
    for (let rollout = 0; rollout < rollouts; rollout += 1) {
      const image = await newTag();
      const objects = await rendered(image);
      expect(await preSync(objects)).toMatchObject({ isComplete: true });
      await sync(objects);
      const hook = await pullsBy('web', image);
      const other = await newTag();
      await sync(await rendered(other));
      counts.push({ hook, none: await pullsBy('web', other) });
    }
    expect(counts.map(({ hook }) => hook)).toEqual(Array(rollouts).fill(0));
    expect(counts.filter(({ none }) => none === 0)).toEqual([]);
  });

  it('is held back by the hook if the tag is missing, which names nodes and reason', async () => {
    const { isComplete, log } = await preSync(await rendered('registry.local:5000/web:none'));
    expect(isComplete).toBe(false);
    expect(log).toMatch(/^registry\.local:5000\/web:none on node1, node2$/m);
    expect(log).toMatch(/ErrImagePull|ImagePullBackOff/);
  });

  it('pulls nothing behind the hook of a Helm chart, of which only the cache remains', async () => {
    const image = await newTag();
    const sample = join(root, 'deploy/gitops/helm-pre-upgrade');
    const values = ['--set', `image=${image}`, '--set', `preRollout.image=${hookImage}`];
    const upgrade = ['upgrade', '--install', 'web', sample, '-n', helmNamespace, ...values, '--wait', '--timeout=100s'];
    expect(await helm(lab, ...upgrade)).toMatchObject({ code: 0 });
    expect(await pullsBy('web', image, helmNamespace)).toBe(0);
    const kinds = 'imagecaches,jobs,roles,rolebindings,deployments';
    expect((await lab.ask('get', kinds, '-n', helmNamespace, '-o', 'name')).trim().split('\n').toSorted()).toEqual([
      'deployment.apps/web',
      'imagecache.kubefledged.io/rollout-deployment-web',
    ]);
    await lab.ask(
      'delete',
      'imagecaches',
      '-n',
      helmNamespace,
      '-l',
      'app.kubernetes.io/managed-by=kubectl-imagecache',
    );
    for (const node of [1, 2]) expect(await lab.images(node)).toContain(image);
  });
});
