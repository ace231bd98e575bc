import { describe, expect, it } from 'vitest';
import type { Product } from './product.ts';
import { sharedProduct } from './shared-product.ts';

/** A product that records its calls. */
function noted() {
  const acts: string[] = [];
  const log: string[] = [];
  const note =
    <T>(act: string, answer: T) =>
    () => {
      acts.push(act);
      log.push(`{"level":"error","msg":"${act}"}`);
      return Promise.resolve(answer);
    };
  const product: Product = {
    start: note('start', undefined),
    stop: note('stop', 0),
    kill: note('kill', undefined),
    tick: note('tick', undefined),
    pid: () => 1,
    log: () => log,
    complaints: (since = 0) => log.slice(since),
  };
  return { acts, log, share: sharedProduct(product) };
}

describe('a product that scenarios share', () => {
  it('starts with the first scenario, and stops after the last', async () => {
    const { acts, share } = noted();
    const [one, two] = [share(), share()];
    await Promise.all([one.start(), two.start()]);
    await one.kill();
    expect(acts).toEqual(['start']);
    await two.stop();
    expect(acts).toEqual(['start', 'stop']);
  });

  it('starts again after all scenarios have ended, and stops once per start', async () => {
    const { acts, share } = noted();
    for (const each of [share(), share()]) {
      await each.start({ env: { A: 'b' } });
      await each.kill();
      await each.kill();
    }
    expect(acts).toEqual(['start', 'kill', 'start', 'kill']);
  });

  it('starts again for a scenario that has it to itself', async () => {
    const { acts, share } = noted();
    const one = share();
    await one.start();
    await one.stop();
    await one.start();
    expect(acts).toEqual(['start', 'stop', 'start']);
  });

  it('refuses settings and a restart to a scenario that shares it', async () => {
    const { share } = noted();
    const [one, two] = [share(), share()];
    await one.start();
    await expect(two.start({ flags: ['--a=b'] })).rejects.toThrow('hasProductToItself');
    await two.start();
    await one.kill();
    await expect(one.start()).rejects.toThrow('hasProductToItself');
  });

  it('reports to each scenario only the complaints since it started', async () => {
    const { log, share } = noted();
    const [one, two] = [share(), share()];
    await one.start();
    log.push('trouble');
    await two.start();
    expect(one.complaints()).toContain('trouble');
    expect(two.complaints()).toEqual([]);
  });
});
