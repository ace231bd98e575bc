import type { Api } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import type { Cancel, Clock } from '../clock.ts';
import { at, numberAt, textAt } from './json.ts';
import { collectionPath, type Resource } from './resource.ts';

export type WatchEvent = { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: unknown };

/** A watch without data for longer than the interval of bookmarks: the connection is dead. */
export class Stalled extends Error {
  override readonly name = 'Stalled';
}

export type WatchOptions = {
  readonly api: Api;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** resourceVersion to start from; undefined requests a streamed list first, which ends with a marked bookmark. */
  readonly from: string | undefined;
  /** Milliseconds without data after which the stream is closed; read again at each line. */
  readonly patience: () => number;
};

/** The events of one watch until the server ends it. Throws `ApiError` for refusals and ERROR events (410: start from a list), `Stalled` for silence. */
export async function* watch(resource: Resource<unknown>, options: WatchOptions): AsyncGenerator<WatchEvent> {
  const { api, clock, signal, from } = options;
  // Random, so that the watches of many sources do not end together.
  const timeoutSeconds = Math.floor(240 + clock.random() * 120);
  const path = `${collectionPath(resource)}?${queryOf(resource, from, timeoutSeconds).toString()}`;
  const silence = watchdog(clock, options.patience);
  try {
    const until = AbortSignal.any([signal, silence.signal]);
    for await (const line of api.lines({ method: 'GET', path, signal: until, timeout: (timeoutSeconds + 30) * 1000 })) {
      if (line.trim() !== '') yield parse(line, resource);
      // After the line was handled, as that may change the limit.
      silence.reset();
    }
  } catch (error) {
    if (silence.signal.aborted) throw new Stalled(`no data from the watch of ${resource.plural}`, { cause: error });
    throw error;
  } finally {
    silence.stop();
  }
  if (silence.signal.aborted) throw new Stalled(`no data from the watch of ${resource.plural}`);
}

/** Whether a bookmark marks the end of a streamed list. */
export const endsInitialEvents = (bookmark: unknown): boolean =>
  textAt(bookmark, 'metadata', 'annotations', 'k8s.io/initial-events-end') === 'true';

function queryOf({ labelSelector }: Resource<unknown>, from: string | undefined, seconds: number): URLSearchParams {
  const query = new URLSearchParams({ watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(seconds) });
  if (labelSelector !== undefined) query.set('labelSelector', labelSelector);
  if (from !== undefined) query.set('resourceVersion', from);
  else for (const [name, value] of Object.entries(streamedList)) query.set(name, value);
  return query;
}

const streamedList = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' };

function watchdog(clock: Clock, patience: () => number): { signal: AbortSignal; reset: () => void; stop: Cancel } {
  const silence = new AbortController();
  const wait = (): Cancel =>
    clock.after(patience(), () => {
      silence.abort();
    });
  let cancel = wait();
  return {
    signal: silence.signal,
    reset: () => {
      cancel();
      cancel = wait();
    },
    stop: () => {
      cancel();
    },
  };
}

function parse(line: string, resource: Resource<unknown>): WatchEvent {
  const event = parsed(line, resource);
  const object = at(event, 'object');
  const type = textAt(event, 'type');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return { type, object };
    case 'ERROR':
      throw new ApiError(`watch ${resource.plural}: ${textAt(object, 'message') ?? 'ERROR event'}`, {
        status: numberAt(object, 'code') ?? 0,
        reason: textAt(object, 'reason') ?? '',
      });
    case undefined:
    default:
      throw new ApiError(`watch ${resource.plural}: unknown event type ${JSON.stringify(type)}`, { status: 0 });
  }
}

function parsed(line: string, resource: Resource<unknown>): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new ApiError(`watch ${resource.plural}: a line that is not JSON`, { status: 0 }, { cause: error });
  }
}
