import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { newRemovalEntry } from '#model/cache/removal-ledger.ts';
import { removalJob } from '#model/removal/removal-job.ts';
import { parseRemovalResult, type RemovalResult } from '#model/removal/removal-result.ts';
import type { Lab } from '../cluster/lab.ts';
import { sharedLab } from '../cluster/shared-lab.ts';
import { digest, node, openCache, settings } from '../functions/model/builders.ts';
import { productImage } from './product-image.ts';

const socket = '/run/containerd/containerd.sock';
const program = join(import.meta.dirname, '../../functions/removal/main.ts');
const apps = 'removal-apps';
const install = 'removal-install';
const pause = 'registry.local:5000/pause:1';

let lab: Lab;

/** Runs the program on node1 without a Pod. */
const removal = async (...args: readonly string[]): Promise<RemovalResult | undefined> => {
  const report = join(lab.logs, 'removal.json');
  writeFileSync(report, '');
  await lab.node(1, process.execPath, program, `--socket=${socket}`, `--report=${report}`, ...args);
  return parseRemovalResult(readFileSync(report, 'utf8'));
};

const namespace = (name: string, labels: object = {}) =>
  lab.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });

const pod = async (name: string, phase: string, spec: object, labels: object = {}): Promise<void> => {
  const metadata = { name, namespace: apps, labels };
  const unprivileged = { restartPolicy: 'Never', nodeName: 'node1', automountServiceAccountToken: false };
  await lab.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...unprivileged, ...spec } });
  const wait = ['wait', `--for=jsonpath={.status.phase}=${phase}`, `pod/${name}`, '-n', apps, '--timeout=90s'];
  await lab.ask(...wait);
};

/** Pulls images on node1 as pull Pods do: their terminated containers stay as long as the Pod. */
const pulledByUs = (name: string, images: readonly string[]): Promise<void> => {
  const containers = images.map((image, index) => ({ name: `image-${index}`, image }));
  return pod(name, 'Succeeded', { containers }, { app: 'kubefledged', kubefledged: 'kubefledged-image-manager' });
};

const pushed = (name: string, bytes = 0): Promise<string> => lab.pushImage({ name, bytes });

/** An image whose last name was removed has none until the runtime collects it. */
const listed = z.object({
  status: z.object({
    images: z._default(z.array(z.object({ names: z.nullish(z.array(z.string())), sizeBytes: z.number() })), []),
  }),
});

const listedEvents = z.object({ items: z.array(z.object({ message: z.string() })) });
const messages = (answer: unknown): readonly string[] => listedEvents.parse(answer).items.map(({ message }) => message);

/** The size of an image that the kubelet reports; 0 until it does. */
const sizeTold = async (image: string): Promise<number> => {
  const { status } = listed.parse(JSON.parse(await lab.ask('get', 'node', 'node1', '-o', 'json')));
  return status.images.find(({ names }) => names?.includes(image) === true)?.sizeBytes ?? 0;
};

beforeAll(async () => {
  lab = await sharedLab();
  await lab.ask('delete', 'pods', '--all-namespaces', '-l', 'kubefledged.io/removal'); // they hold the removal image
  await namespace(apps);
  await namespace(install, { 'pod-security.kubernetes.io/enforce': 'privileged' });
});

describe('a removal on a real node', () => {
  it('removes an image that a pull Pod still holds, and reports its size', async () => {
    const [free, other] = [await pushed('rm-free:1', 3_000_000), await pushed('rm-other:1')];
    await pulledByUs('pulls-free', [free, other]);
    await expect.poll(() => sizeTold(free), { timeout: 90_000, interval: 500 }).toBeGreaterThan(3_000_000);
    const bytes = await sizeTold(free);
    const before = await lab.images(1);
    expect(before).toContain(free);
    expect(await removal(`--remove=${free}`)).toMatchObject({
      freedBytes: bytes,
      counts: { removed: 1, absent: 0, spared: 0, failed: 0 },
    });
    const gone = (name: string) => name === free || name.startsWith('registry.local:5000/rm-free@');
    expect(await lab.images(1)).toEqual(before.filter((name) => !gone(name)));
  });

  it('succeeds for an image that is not present', async () => {
    const asked = ['registry.local:5000/never:1', `registry.local:5000/pause@${digest}`, 'BAD IMAGE'];
    expect(await removal(...asked.map((each) => `--remove=${each}`))).toMatchObject({
      freedBytes: 0,
      counts: { removed: 0, absent: 3, spared: 0, failed: 0 },
    });
  });

  it('keeps images that a Pod runs, mounts or may start again, and reports the Pod', async () => {
    const used = await lab.pushImage({ name: 'rm-used:1', program: 'pause' });
    const [mounted, ended] = [await pushed('rm-mounted:1', 1000), await pushed('rm-ended:1')];
    await pod('ended', 'Succeeded', { containers: [{ name: 'main', image: ended }] });
    await pod('web', 'Running', {
      containers: [{ name: 'server', image: used, volumeMounts: [{ name: 'files', mountPath: '/files' }] }],
      volumes: [{ name: 'files', image: { reference: mounted, pullPolicy: 'IfNotPresent' } }],
    });
    const result = await removal(`--remove=${used}`, `--remove=${mounted}`, `--remove=${ended}`);
    expect(result?.images).toEqual([
      { outcome: 'spared', image: used, reason: 'InUse', by: `${apps}/web/server` },
      { outcome: 'spared', image: mounted, reason: 'InUse', by: `${apps}/web/server` },
      { outcome: 'spared', image: ended, reason: 'InUse', by: `${apps}/ended/main (ended)` },
    ]);
    expect(await lab.images(1)).toEqual(expect.arrayContaining([used, mounted, ended]));
    await lab.ask('delete', 'pod', 'web', 'ended', '-n', apps, '--grace-period=1');
    await expect
      .poll(() => removal(`--remove=${used}`, `--remove=${mounted}`, `--remove=${ended}`), { timeout: 60_000 })
      .toMatchObject({ counts: { spared: 0 } });
    for (const image of [used, mounted, ended]) expect(await lab.images(1)).not.toContain(image);
  });

  it('keeps an image if another tag of it is desired or was not asked for, and removes all tags if all were', async () => {
    const first = await pushed('rm-shared:1', 1000);
    const second = first.replace(':1', ':2');
    const tagging = lab.enter('crane', ['tag', '--insecure', '172.30.0.1:5000/rm-shared:1', '2'], { stdio: 'ignore' });
    expect((await once(tagging, 'exit'))[0]).toBe(0);
    await pulledByUs('pulls-shared', [first, second]);
    expect((await removal(`--remove=${first}`, `--keep=${second}`))?.images).toEqual([
      { outcome: 'spared', image: first, reason: 'SharedTag', by: second },
    ]);
    expect((await removal(`--remove=${first}`))?.images).toEqual([
      { outcome: 'spared', image: first, reason: 'SharedTag', by: second },
    ]);
    expect(await lab.images(1)).toEqual(expect.arrayContaining([first, second]));
    expect((await removal(`--remove=${first}`, `--remove=${second}`))?.images).toMatchObject([
      { outcome: 'removed', image: first },
      { outcome: 'removed', image: second, bytes: 0 },
    ]);
    expect((await lab.images(1)).filter((name) => name.includes('rm-shared'))).toEqual([]);
  });

  it('keeps the pause image, which the runtime pins', async () => {
    expect((await removal(`--remove=${pause}`))?.images).toEqual([
      { outcome: 'spared', image: pause, reason: 'Pinned', by: '' },
    ]);
    expect(await lab.images(1)).toContain(pause);
  });
});

describe('a removal Job on a real node', () => {
  it('does the same in a Pod in a separate namespace, and keeps its own image', async () => {
    const removalImage = await productImage(lab, 'functions');
    const [image, kept] = [await pushed('rm-job:1', 1000), await pushed('rm-kept:1', 1000)];
    await pulledByUs('pulls-job', [image, kept]);
    const job = removalJob({
      cache: openCache({}),
      node: node({ name: 'node1' }),
      socket,
      entry: { ...newRemovalEntry(node().id, 'want', 1), attempt: 1 },
      removal: { remove: [image, kept, pause, removalImage], keep: [kept] },
      settings: settings({ removalImage, namespace: install }),
    });
    await lab.apply(job);
    await lab.ask('wait', '--for=condition=Complete', `job/${job.metadata.name}`, '-n', install, '--timeout=120s');
    const path = 'jsonpath={.items[0].status.containerStatuses[0].state.terminated.message}';
    const message = await lab.ask('get', 'pods', '-n', install, '-l', 'kubefledged.io/removal', '-o', path);
    const result = parseRemovalResult(message);
    expect(result?.runtime).toMatch(/^containerd v?2\./);
    const [wanted, pinned, ownImage, removed] = result?.images ?? [];
    expect(result?.images).toHaveLength(4);
    expect(wanted).toEqual({ outcome: 'spared', image: kept, reason: 'Wanted', by: kept });
    expect(pinned).toEqual({ outcome: 'spared', image: pause, reason: 'Pinned', by: '' });
    expect(ownImage).toMatchObject({ outcome: 'spared', image: removalImage, reason: 'InUse' });
    expect(JSON.stringify(ownImage)).toMatch(new RegExp(`${install}/web-[^/]*/removal[",]`));
    expect(removed).toEqual({ outcome: 'removed', image, bytes: result?.freedBytes });
    expect(await lab.images(1)).not.toContain(image);
    expect(await lab.images(1)).toEqual(expect.arrayContaining([kept, pause, removalImage]));
  });

  it('is not started where the path of the socket is a link to anything but a socket', async () => {
    const removalImage = await productImage(lab, 'functions');
    const job = (name: string, path: string) => {
      const { metadata, ...rest } = removalJob({
        cache: openCache({}),
        node: node({ name: 'node1' }),
        socket: path,
        entry: { ...newRemovalEntry(node().id, 'want', 1), attempt: 1 },
        removal: { remove: ['registry.local:5000/never:1'], keep: [] },
        settings: settings({ removalImage, namespace: install }),
      });
      return { ...rest, metadata: { ...metadata, name } };
    };
    const targets = { 'link-file': '/etc/hostname', 'link-folder': '/etc', 'link-nothing': '/run/no-such-socket' };
    for (const [name, target] of Object.entries({ ...targets, 'link-socket': socket })) {
      await lab.node(1, 'ln', '-sfn', target, `/run/${name}.sock`);
      await lab.apply(job(name, `/run/${name}.sock`));
    }
    await lab.ask('wait', '--for=condition=Complete', 'job/link-socket', '-n', install, '--timeout=120s');
    for (const name of Object.keys(targets)) {
      const events = ['get', 'events', '-n', install, '--field-selector', 'reason=FailedMount', '-o', 'json'];
      const refused = new RegExp(`hostPath type check failed: /run/${name}.sock is not a socket file`);
      await expect
        .poll(async () => messages(JSON.parse(await lab.ask(...events))), { timeout: 60_000 })
        .toContainEqual(expect.stringMatching(refused));
      expect(await lab.ask('get', 'job', name, '-n', install, '-o', 'jsonpath={.status.succeeded}')).toBe('');
      await lab.ask('delete', 'job', name, '-n', install, '--wait=false');
    }
  });
});
