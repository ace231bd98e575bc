import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sharedLab } from '../../cluster/shared-lab.ts';
import { repetitions } from '../../support/repetitions.ts';
import { installKnative } from './install-knative.ts';
import { knativeServices, namespace, type Started } from './knative-services.ts';
import { standaloneOnNodes } from './standalone-on-nodes.ts';

const lab = await sharedLab();
const on = knativeServices(lab);
const product = standaloneOnNodes(lab);
const runs = Array.from({ length: repetitions(1, 3) }, (_, index) => index + 1);
/** With its registry, a start is only slower without us. */
const registries = (['off', 'on'] as const).slice(0, repetitions(1, 2));
const waits = { timeout: 180_000, interval: 1000 };
const shown: string[] = [];
/** Of the first Revision of `told`. */
let image = '';
const edit = (change: object): Promise<string> =>
  lab.ask('patch', 'imagecache', 'knative-images', '-n', namespace, '--type=json', '-p', JSON.stringify([change]));
const show = (who: string, registry: 'on' | 'off', { code, seconds, reasons }: Started): void => {
  const answered = code === 204 ? `${seconds.toFixed(1)} s` : `not within ${seconds.toFixed(0)} s`;
  const pulled = reasons.includes('Pulling') ? 'yes' : 'no';
  shown.push(`${who.padEnd(12)} ${registry.padEnd(9)} ${answered.padEnd(18)} ${pulled}`);
};

beforeAll(async () => {
  await installKnative(lab);
  await lab.ask('create', 'namespace', namespace);
});
afterEach(() => on.restore());
afterAll(async () => {
  console.log(['', 'Images       registry  answered           Pod pulled', ...shown, ''].join('\n'));
  await on.end();
  await product.remove();
});

describe('a Knative Service that is scaled to zero, on a node where it never ran,', () => {
  it.each(runs)('has to pull, and gets no answer without its registry (run %i)', async (run) => {
    for (const registry of registries) {
      const started = await on.started(`plain-${registry}-${run}`, { registry });
      expect(started.reasons).toContain('Pulling');
      expect(started.code === 204).toBe(registry === 'on');
      show('not cached', registry, started);
      await on.restore();
    }
  });

  it('is reported as present on both nodes by its Image and that of queue-proxy', async () => {
    await product.install();
    image = await on.deploy('told');
    await on.imagesReady('told');
    const queueProxy = await lab.ask(
      ...['-n', 'knative-serving', 'wait', 'images.caching.internal.knative.dev/queue-proxy'],
      ...['--for=condition=Ready', '--timeout=120s'],
    );
    expect(queueProxy).toContain('condition met');
    for (const node of [1, 2]) {
      const images = await lab.images(node);
      expect(images.filter((each) => each.includes('serving-queue'))).not.toEqual([]);
      expect(images).toContain(image);
    }
    const made = ['get', 'imagecache', 'knative-images', '-n', namespace, '-o', 'jsonpath={.status.status}'];
    await expect.poll(() => lab.ask(...made), waits).toBe('Succeeded');
  });

  it.each(runs)('answers without its registry, and pulls nothing (run %i)', async (run) => {
    for (const registry of registries) {
      const fast = await on.started(`cached-${registry}-${run}`, { registry, isCached: true });
      expect(fast).toMatchObject({ code: 204 });
      expect(fast.reasons).not.toContain('Pulling');
      show('cached', registry, fast);
      await on.restore();
    }
  });
});

describe('the image of a deleted Revision', () => {
  it('stays for keepSeconds, and leaves the nodes then; with the last Image, the cache goes unless it is edited', async () => {
    const path = '/spec/cacheSpec/0/imagesFrom/keepSeconds';
    await edit({ op: 'add', path, value: 20 });
    const latter = await on.deploy('told', 2);
    await on.imagesReady('told');
    await on.asleep('told');
    const deletedAt = Date.now();
    await lab.ask('delete', 'revision', 'told-00001', '-n', namespace);
    await expect.poll(() => lab.images(2), waits).not.toContain(image);
    expect(Date.now() - deletedAt).toBeGreaterThan(20_000);
    await expect.poll(() => lab.images(1), waits).not.toContain(image);
    for (const node of [1, 2]) expect(await lab.images(node)).toContain(latter);
    await on.deleteAll();
    for (const node of [1, 2]) await expect.poll(() => lab.images(node), waits).not.toContain(latter);
    const left = () => lab.ask('get', 'imagecaches', '-n', namespace, '-o', 'name');
    expect(await left()).not.toBe('');
    await edit({ op: 'remove', path });
    await expect.poll(left, waits).toBe('');
  });
});
