import { CloudEvent } from 'cloudevents';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { Api } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { watchCrd, type CrdWatch } from '../../sources/watch-crd.ts';
import { inMemoryApi } from '../support/api/in-memory-api.ts';
import { fakeClock } from '../support/fake-clock.ts';

const event = new CloudEvent({ type: 'x', source: 'y', data: {} });
const never = new AbortController().signal;

let crd: CrdWatch | undefined;
afterEach(async () => {
  await crd?.stop();
});

/** A watch of a CRD that a test replaces, and what it logs. */
function watched() {
  const state = { resources: ['imagecaches', 'imagecaches/status'], isDown: false };
  const lines: string[] = [];
  const request = (): Promise<unknown> =>
    state.isDown
      ? Promise.reject(new ApiError('GET /apis: no answer', { status: 0 }))
      : Promise.resolve({ resources: state.resources.map((name) => ({ name })) });
  const api: Api = { ...inMemoryApi(), request };
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const clock = fakeClock();
  crd = watchCrd({ api, log, clock });
  const said = () => lines.map((line) => /"msg":"([^"]*)"/.exec(line)?.[1]);
  return { state, clock, crd, said };
}

describe('the CRD of kube-fledged, applied over ours while the product runs,', () => {
  it('is logged once, ends readiness, and is over when ours is back', async () => {
    const { state, clock, crd, said } = watched();
    await clock.advance(60_000);
    expect([crd.isOurs(), said()]).toEqual([true, []]);
    state.resources = ['imagecaches'];
    await clock.advance(60_000);
    expect([crd.isOurs(), said()]).toEqual([
      false,
      [expect.stringContaining('kubectl apply --server-side --force-conflicts -f crds/imagecache.yaml')],
    ]);
    state.resources = ['imagecaches', 'imagecaches/status'];
    await clock.advance(2_000);
    expect([crd.isOurs(), said()[1]]).toEqual([true, 'the CRD is that of imagecache-functions again']);
  });

  it('is noticed at once by a delivery that fails, and holds back events until ours is back', async () => {
    const { state, clock, crd } = watched();
    await clock.advance(1);
    const sent: string[] = [];
    const sink = crd.whileOurs(() => {
      sent.push(state.resources.join());
      return state.resources.length > 1 ? Promise.resolve() : Promise.reject(new ApiError('404', { status: 404 }));
    });
    state.resources = ['imagecaches'];
    await expect(sink(event, 'ImageCache', never)).rejects.toThrow('404');
    const held = sink(event, 'ImageCache', never);
    await clock.advance(5_000);
    expect([crd.isOurs(), sent.length]).toEqual([false, 1]);
    state.resources = ['imagecaches', 'imagecaches/status'];
    await clock.advance(10_000);
    await held;
    expect(sent).toEqual(['imagecaches', 'imagecaches,imagecaches/status']);
  });

  it('lets go of held events when the process stops', async () => {
    const { state, clock, crd } = watched();
    state.resources = ['imagecaches'];
    await clock.advance(10_000);
    const stopping = new AbortController();
    const held = crd.whileOurs(() => Promise.resolve())(event, 'ImageCache', stopping.signal);
    stopping.abort(new Error('stopping'));
    await expect(held).rejects.toThrow('stopping');
  });

  it('is not assumed while the API server does not answer', async () => {
    const { state, clock, crd, said } = watched();
    state.isDown = true;
    await clock.advance(30_000);
    expect([crd.isOurs(), said()]).toEqual([true, ['cannot see which CRD is installed']]);
  });
});
