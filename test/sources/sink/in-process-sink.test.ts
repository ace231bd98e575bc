import { describe, expect, it } from 'vitest';
import { pino } from 'pino';
import { CloudEvent } from 'cloudevents';
import type { FunctionName, Notice } from '#model/cache/cloud-event.ts';
import { ApiError, Rejected, RetryLater } from '#runtime/errors.ts';
import type { Context, Handler } from '#runtime/handler.ts';
import { inProcessSink } from '../../../sources/sink/in-process-sink.ts';
import { DeliveryFailed, DeliveryRefused } from '../../../sources/sink/sink.ts';
import { tickEvent } from '../../../sources/sink/to-event.ts';

const never = new AbortController().signal;
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
const stamp = { id: 'id-1', time: new Date(0), traceparent };
const nodeEvent = new CloudEvent<unknown>({
  id: 'id-2',
  type: 'dev.knative.apiserver.ref.update',
  source: 'https://api.test',
  kind: 'ImageCache',
  apiversion: 'kubefledged.io/v1alpha2',
  namespace: 'apps',
  name: 'web',
});

const silent = pino({ level: 'silent' });

function world(fail: (name: FunctionName) => Error | undefined = () => undefined, log = silent) {
  const calls: { readonly name: FunctionName; readonly told: Notice }[] = [];
  const handler =
    (name: FunctionName): Handler =>
    async (told, { log: given }) => {
      given.info('called');
      calls.push({ name, told });
      await Promise.resolve();
      const error = fail(name);
      if (error !== undefined) throw error;
    };
  const handlers = {
    reconcile: handler('reconcile'),
    'job-complete': handler('job-complete'),
    refresh: handler('refresh'),
    purge: handler('purge'),
  };
  const named: FunctionName[] = [];
  const signals: AbortSignal[] = [];
  const sink = inProcessSink(handlers, (name, trace, signal) => {
    named.push(name);
    signals.push(signal);
    return context(log.child(trace));
  });
  return { sink, calls, named, signals };
}

/** Dependencies that no handler of this test uses; using one is an error. */
const context = (log: Context['log']): Context => ({
  get cluster(): never {
    throw new Error('no cluster in this test');
  },
  get settings(): never {
    throw new Error('no settings in this test');
  },
  get registry(): never {
    throw new Error('no registry in this test');
  },
  readsPullSecrets: false,
  log,
  now: () => 0,
  signal: new AbortController().signal,
});

describe('the in-process sink', () => {
  it('calls every function that handles the event, in order', async () => {
    const { sink, calls, named } = world();
    await sink(nodeEvent, 'ImageCache', never);
    expect(calls.map(({ name }) => name)).toEqual(['reconcile', 'refresh', 'purge']);
    expect(named).toEqual(['reconcile', 'refresh', 'purge']);
    expect(calls[0]?.told).toMatchObject({ type: 'change', cache: { namespace: 'apps', name: 'web' } });
  });

  it('passes a tick to refresh and purge', async () => {
    const { sink, calls } = world();
    await sink(tickEvent(stamp), 'tick', never);
    expect(calls).toEqual(['refresh', 'purge'].map((name) => ({ name, told: { type: 'tick' } })));
  });

  it('adds the trace of the event to the log lines of a function', async () => {
    const logged: unknown[] = [];
    const { sink } = world(undefined, pino({ base: {} }, { write: (line) => void logged.push(JSON.parse(line)) }));
    await sink(tickEvent(stamp), 'tick', never);
    const ids = { trace_id: '0af7651916cd43dd8448eb211c80319c', span_id: 'b7ad6b7169203331' };
    const line: unknown = expect.objectContaining({ msg: 'called', ...ids });
    expect(logged).toEqual([line, line]);
  });

  it.each([
    { error: new Rejected('nonsense'), is: DeliveryRefused, retryAfterMs: undefined },
    { error: new RetryLater('busy', 5_000), is: DeliveryFailed, retryAfterMs: 5_000 },
    { error: new ApiError('429', { status: 429, retryAfterMs: 3_000 }), is: DeliveryFailed, retryAfterMs: 3_000 },
    { error: new TypeError('a bug'), is: DeliveryFailed, retryAfterMs: undefined },
  ])('reports $error.name as $is.name', async ({ error, is, retryAfterMs }) => {
    const { sink } = world((name) => (name === 'refresh' ? error : undefined));
    const thrown: unknown = await sink(nodeEvent, 'ImageCache', never).catch((caught: unknown) => caught);
    expect(thrown).toBeInstanceOf(is);
    expect(thrown).toMatchObject({ cause: error, message: `refresh: ${error.message}` });
    if (retryAfterMs !== undefined) expect(thrown).toMatchObject({ retryAfterMs });
  });

  it('calls the other functions after one failed, and retries only the failed one', async () => {
    let isDown = true;
    const { sink, calls } = world((name) => (name === 'reconcile' && isDown ? new RetryLater('busy', 1) : undefined));
    await expect(sink(nodeEvent, 'ImageCache', never)).rejects.toThrow(DeliveryFailed);
    expect(calls.map(({ name }) => name)).toEqual(['reconcile', 'refresh', 'purge']);
    isDown = false;
    await sink(nodeEvent, 'ImageCache', never);
    expect(calls.map(({ name }) => name).slice(3)).toEqual(['reconcile']);
  });

  it('passes the abort signal of the delivery to handlers, and calls no more of them once it is aborted', async () => {
    const stopping = new AbortController();
    const { sink, calls, signals } = world(() => {
      stopping.abort(new Error('stopping'));
      return undefined;
    });
    await expect(sink(nodeEvent, 'ImageCache', stopping.signal)).rejects.toThrow('stopping');
    expect(calls.map(({ name }) => name)).toEqual(['reconcile']);
    expect(signals).toEqual([stopping.signal]);
  });

  it('refuses an event that no function can read', async () => {
    const { sink, calls } = world();
    const event = new CloudEvent<unknown>({
      id: 'x',
      type: 'dev.knative.apiserver.ref.add',
      source: 's',
      kind: 'ImageCache',
    });
    await expect(sink(event, 'ImageCache', never)).rejects.toThrow(DeliveryRefused);
    expect(calls).toEqual([]);
  });
});
