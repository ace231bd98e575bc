import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../cluster/run.ts';
import { repetitions } from '../support/repetitions.ts';
import { type ProductProcess, startProduct } from './product-process.ts';
import { temporaryCluster, type TemporaryCluster } from './temporary-cluster.ts';

/** The slow attack 3 is played here at full strength only, as http.test.ts plays it, too. */
const held = [2, 11, 15, 8, 21, 23, 26, 28, ...Array<number>(repetitions(0, 1)).fill(3)];
const working = [1, 5, 6, 10];

describe('npm run attack', { timeout: 200_000 }, () => {
  let cluster: TemporaryCluster;
  let product: ProductProcess;
  beforeAll(async () => {
    cluster = await temporaryCluster();
    product = await startProduct({ kubeconfig: cluster.kubeconfig });
  }, 60_000);
  afterAll(async () => {
    await product.stop();
    await cluster.remove();
  });
  // Each of four loads may wait 23 s for three probes of the kubelet, and each of four caches 30 s for its status.
  const attack = (...args: readonly string[]) =>
    run(process.execPath, ['test/security/main.ts', '--kubeconfig', cluster.kubeconfig, ...args], { timeout: 180_000 });

  it('says what it would do, and does nothing without confirmation', async () => {
    const { code, stdout } = await attack();
    expect(code).toBe(2);
    expect(stdout).toContain(`cluster ${cluster.server}`);
    expect(stdout).toContain('holds 130 connections');
    expect(stdout).toContain('Nothing was done: agree, or give --yes.');
  });

  it('reports which attacks are held off, and which work: on a simulation, which has no policies, those of the account', async () => {
    const args = ['--yes', '--namespace', 'default', '--port', String(product.port)];
    const { code, stdout } = await attack(...args, '--only', [...held, ...working].join(','));
    expect(code).toBe(1);
    for (const number of held) expect(stdout).toMatch(new RegExp(`^held off +${number} `, 'm'));
    for (const number of working) expect(stdout).toMatch(new RegExp(`^WORKED +${number} `, 'm'));
  });

  it('plays only what is requested, and does not take for held off what could not be played', async () => {
    const args = ['--yes', '--only', '2', '--namespace', 'nowhere', '--port', String(product.port)];
    const { code, stdout } = await attack(...args);
    expect(code).toBe(1);
    expect(stdout.match(/^(held off|WORKED|not played) .*$/gm)).toEqual([
      expect.stringMatching(/^not played +2 .*not found/),
    ]);
  });
});
