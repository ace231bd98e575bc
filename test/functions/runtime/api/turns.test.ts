import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { listItems } from '#runtime/api/list-items.ts';
import { createTurns } from '#runtime/api/limits.ts';
import { reconcile } from '../../../../functions/reconcile.ts';
import { aCache, changed, scene } from '../../scene.ts';

/** Occupies the process as a long computation does. */
function compute(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** How much was done when a probe that was sent before was answered. */
async function doneAtProbe(work: (onDone: () => void) => Promise<unknown>): Promise<number> {
  const server = createServer((_, response) => void response.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let done = 0;
  const answered = fetch(`http://127.0.0.1:${port}/`).then(() => done);
  await work(() => (done += 1));
  const count = await answered;
  server.close();
  return count;
}

describe('a probe is answered', () => {
  it('before all have computed that take turns', async () => {
    const turn = createTurns();
    const compute30 = async (onDone: () => void): Promise<void> => {
      await turn();
      compute(30);
      onDone();
    };
    expect(
      await doneAtProbe((onDone) => Promise.all(Array.from({ length: 20 }, () => compute30(onDone)))),
    ).toBeLessThan(20);
  });

  it('before all items of a page are parsed', async () => {
    const api = { request: () => Promise.resolve({ items: Array.from({ length: 20 }, () => ({})) }) };
    const parsed = await doneAtProbe((onDone) =>
      listItems(api as never, '/api/v1/nodes', {
        bound: 'page_nodes',
        parse: () => {
          compute(30);
          onDone();
        },
      }),
    );
    expect(parsed).toBeLessThan(20);
  });
});

it('each decision takes a turn', async () => {
  const on = scene();
  on.nodes('node-1');
  on.cache();
  let turns = 0;
  await reconcile(changed(aCache, { verb: 'add' }), {
    ...on.context,
    turn: () => {
      turns += 1;
      return Promise.resolve();
    },
  });
  expect(turns).toBeGreaterThan(0);
  expect(on.jobs()).toHaveLength(1);
});
