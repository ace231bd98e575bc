import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lab } from '../cluster/lab.ts';
import { startOnNodes, type OnNodes } from './on-nodes.ts';
import { preparedLab } from './prepared-lab.ts';

const namespace = 'warm-gate';
const key = 'example.com/cold';

let lab: Lab;
let product: OnNodes;

beforeAll(async () => {
  lab = await preparedLab(namespace);
  product = await startOnNodes(lab, [
    `--warm-gate-taints=${key}`,
    `--warm-gate-namespaces=${namespace}`,
    '--tick-schedule=* * * * * *',
  ]);
});

afterAll(async () => {
  await product.stop();
  await lab.kubectl('taint', 'node', 'node2', `${key}-`);
  await lab.ask('label', 'node', 'node2', 'kubefledged.io/warm-');
  await lab.ask('delete', 'namespace', namespace, '--wait=false');
});

const gated = async (name: string, image: string, timeoutSeconds: number): Promise<void> => {
  const cacheSpec = [{ images: [image], nodeSelector: { 'kubernetes.io/hostname': 'node2' } }];
  const warmGate = { taintKey: key, timeoutSeconds };
  const metadata = { name, namespace };
  const kind = { apiVersion: 'kubefledged.io/v1alpha2', kind: 'ImageCache' };
  await lab.apply({ ...kind, metadata, spec: { cacheSpec, warmGate, tolerations: [] } });
};

const taints = () => lab.ask('get', 'node', 'node2', '-o', 'jsonpath={.spec.taints[*].key}');
const warm = () => lab.ask('get', 'node', 'node2', '-o', 'jsonpath={.metadata.labels.kubefledged\\.io/warm}');

describe('a real node with a startup taint', () => {
  it('accepts no user pods before the images of both its caches are present, and is then labelled warm', async () => {
    const [first, second] = [
      await lab.pushImage({ name: 'gate-first:1' }),
      await lab.pushImage({ name: 'gate-second:1', bytes: 1000 }),
    ];
    const absent = '172.30.0.1:5999/not-yet:1';
    await gated('first', first, 86_400);
    await gated('second', absent, 86_400);
    await lab.ask('taint', 'node', 'node2', `${key}=:NoSchedule`);
    const containers = [{ name: 'work', image: first }];
    const spec = { restartPolicy: 'Never', nodeSelector: { 'kubernetes.io/hostname': 'node2' }, containers };
    await lab.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'work', namespace }, spec });
    await lab.ask('wait', '--for=condition=Ready', 'ic/first', '-n', namespace, '--timeout=120s');
    expect(await taints()).toBe(key);
    expect(await lab.ask('get', 'pod', 'work', '-n', namespace, '-o', 'jsonpath={.spec.nodeName}')).toBe('');

    await gated('second', second, 86_400);
    await lab.ask('wait', '--for=jsonpath={.status.phase}=Succeeded', 'pod/work', '-n', namespace, '--timeout=120s');
    expect([await taints(), await warm()]).toEqual(['', 'true']);
    expect(await lab.images(2)).toEqual(expect.arrayContaining([first, second]));
    await lab.ask('label', 'node', 'node2', 'kubefledged.io/warm-');
  });

  it('loses the taint at the timeout if an image does not exist, with an Event and without the warm label', async () => {
    await gated('never', 'registry.local:5000/gate-never:1', 1);
    await lab.ask('taint', 'node', 'node2', `${key}=:NoSchedule`);
    await expect.poll(taints, { timeout: 30_000, interval: 200 }).toBe('');
    expect(await warm()).toBe('');
    const events = ['get', 'events', '-n', namespace, '--field-selector', 'reason=WarmGateTimeout', '-o'];
    await expect
      .poll(() => lab.ask(...events, 'jsonpath={.items[*].involvedObject.name}'), { timeout: 10_000 })
      .toBe('never');
  });
});
