import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writesBetween } from '../cluster/api-writes.ts';
import type { Lab } from '../cluster/lab.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import { preparedLab, removeOtherImages, statusOnce } from './prepared-lab.ts';

const namespace = 'drift';

let lab: Lab;
let product: OnNodes;
beforeAll(async () => {
  lab = await preparedLab(namespace);
  await removeOtherImages(lab);
  product = await startOnNodes(lab, [
    '--registry-mirrors={"registry.local:5000": ["http://172.30.0.1:5000"]}',
    '--registry-insecure=172.30.0.1:5000',
    '--image-cache-refresh-frequency=0s',
  ]);
});
afterAll(async () => {
  await product.stop();
});

type Status = {
  readonly status?: string;
  readonly nodesReady?: string;
  readonly message?: string;
  readonly lastHandledRefreshAt?: string;
  readonly images?: readonly { readonly resolvedDigest?: string; readonly unresolvedReason?: string }[];
  readonly round?: { readonly number: number };
};

const parse = (cache: unknown): Status => (cache as { status?: Status }).status ?? {};

const statusWhen = (name: string, what: string, holds: (status: Status) => boolean): Promise<Status> =>
  statusOnce(lab, { namespace, name }, { what, holds, parse });

const hasEnded = ({ status = '' }: Status): boolean => status !== '' && status !== 'Processing';

/** Requests a refresh and waits for its end; returns its Jobs. */
async function refreshed(name: string, token: string): Promise<{ readonly status: Status; readonly jobs: number }> {
  const before = await lab.apiWrites();
  await lab.ask('annotate', 'ic', name, '-n', namespace, '--overwrite', `kubefledged.io/refresh-requested-at=${token}`);
  const status = await statusWhen(
    name,
    `refresh ${token} has ended`,
    (status) => status.lastHandledRefreshAt === token && hasEnded(status),
  );
  return { status, jobs: writesBetween(before, await lab.apiWrites()).by['POST jobs'] ?? 0 };
}

/** The digest of the tag in the runtimes of both nodes. */
async function digests(image: string): Promise<readonly string[]> {
  const listed = await Promise.all([1, 2].map((node) => lab.node(node, 'ctr', '-n', 'k8s.io', 'images', 'ls')));
  return listed.map((text) => {
    const line = text.split('\n').find((each) => each.startsWith(`${image} `)) ?? '';
    return /sha256:[0-9a-f]{64}/.exec(line)?.[0] ?? '';
  });
}

/** The most images that a Node lists. */
async function mostListed(): Promise<number> {
  const path = String.raw`{range .items[*]}{.status.images}{"\n"}{end}`;
  const lists = (await lab.ask('get', 'nodes', '-o', `jsonpath=${path}`)).trim().split('\n');
  return Math.max(...lists.map((list) => (JSON.parse(list) as readonly unknown[]).length));
}

/** Runs a user's pod, for which the kubelet asks the registry, as for every :latest. */
async function pulledByPod(image: string, node: string): Promise<void> {
  await lab.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'user', namespace },
    spec: { nodeName: node, restartPolicy: 'Never', containers: [{ name: 'app', image }] },
  });
  await lab.ask('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/user', '-n', namespace, '--timeout=60s');
}

const push = (name = 'moving'): Promise<string> => lab.pushImage({ name: `e2e-${name}:latest`, bytes: 4096 });

/** A cache of one image on both nodes, whose round has ended. */
async function cached(name: string, image: string): Promise<Status> {
  await lab.apply({
    apiVersion: 'kubefledged.io/v1alpha2',
    kind: 'ImageCache',
    metadata: { name, namespace },
    spec: { cacheSpec: [{ images: [image] }] },
  });
  return statusWhen(name, 'the cache is made', hasEnded);
}

describe(':latest on real nodes', () => {
  it('is pulled by a refresh if it moved or was lost, once per node', async () => {
    const image = await push();
    const made = await cached('moving', image);
    const first = made.images?.[0]?.resolvedDigest ?? '';
    expect(made).toMatchObject({ status: 'Succeeded', nodesReady: '2/2' });
    expect(await digests(image)).toEqual([first, first]);

    expect((await refreshed('moving', 'nothing has moved')).jobs).toBe(0);

    await push();
    const moved = await refreshed('moving', 'it has moved');
    const second = moved.status.images?.[0]?.resolvedDigest ?? '';
    expect(moved.status).toMatchObject({ status: 'Succeeded', nodesReady: '2/2' });
    expect(moved.jobs).toBe(2);
    expect(second).not.toBe(first);
    expect(await digests(image)).toEqual([second, second]);

    expect((await refreshed('moving', 'nothing has moved since')).jobs).toBe(0);
    console.log(`drift on real nodes: ${first} moved to ${second}: 2 Jobs; before and after, none`);
  });

  it('is pulled again without a refresh by a node that has lost it, which the status says meanwhile', async () => {
    const lost = await push('lost');
    await cached('lost', lost);
    const present = await digests(lost);
    await sleep(75_000); // the list of a node counts a minute after its pull
    expect(await mostListed()).toBeLessThan(50);
    const names = (await lab.images(2)).filter((each) => each.includes('/e2e-lost'));
    const removedAt = Date.now();
    await lab.node(2, 'ctr', '-n', 'k8s.io', 'images', 'rm', '--sync', ...names);
    const noticed = await statusWhen('lost', 'the loss is noticed', ({ nodesReady = '' }) => nodesReady === '1/2');
    expect(noticed.message).toContain(`${lost} on node2`);
    console.log(`a lost image is noticed after ${Math.round((Date.now() - removedAt) / 1000)} s`);
    await statusWhen('lost', 'it is pulled again', (status) => hasEnded(status) && status.nodesReady === '2/2');
    expect(await digests(lost)).toEqual(present);
  });

  it('is pulled after it moved by the nodes, also by one where a pod was ahead, as its credentials count there', async () => {
    const image = await push();
    await pulledByPod(image, 'node1');
    const [ahead, behind] = await digests(image);
    expect(ahead).not.toBe(behind);
    expect((await refreshed('moving', 'one node was ahead')).jobs).toBe(2);
    expect(await digests(image)).toEqual([ahead, ahead]);
  });
});
