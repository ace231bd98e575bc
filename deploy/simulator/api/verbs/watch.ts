import type { JsonObject } from '../../json.ts';
import { type Core } from '../core.ts';
import { kubeObject } from '../kube-object.ts';
import { type Resource, groupVersion, storageKey } from '../resource.ts';
import { expired, statusOf } from '../status-error.ts';
import type { Change } from '../store.ts';
import { checkFuture, type Selection, selectionOf } from './list.ts';

export type WatchEvent = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: JsonObject;
};

export type Watch = {
  readonly core: Core;
  readonly resource: Resource;
  readonly query: URLSearchParams;
  readonly namespace: string | undefined;
  readonly name?: string;
  readonly send: (event: WatchEvent) => void;
  readonly end: () => void;
};

/** What a change is to a watcher that sees only what its selectors match: entering is an add, leaving a deletion. */
const eventFor = ({ type, object, previous }: Change, { matches }: Selection): WatchEvent | undefined => {
  const now = type !== 'DELETED' && matches(object);
  const before = previous !== undefined && matches(previous);
  if (now) return { type: before ? 'MODIFIED' : 'ADDED', object };
  return before ? { type: 'DELETED', object } : undefined;
};

const bookmark = (resource: Resource, version: number, annotations?: JsonObject): WatchEvent => ({
  type: 'BOOKMARK',
  object: kubeObject({
    kind: resource.kind,
    apiVersion: groupVersion(resource),
    metadata: { resourceVersion: String(version), creationTimestamp: null, ...(annotations ? { annotations } : {}) },
  }),
});

/** Sends all objects, and a bookmark after the last if it was requested. */
const sendInitial = ({ core, resource, query, send }: Watch, selection: Selection): void => {
  for (const object of core.store.list(storageKey(resource)))
    if (selection.matches(object)) send({ type: 'ADDED', object });
  if (query.get('sendInitialEvents') === 'true' && query.get('allowWatchBookmarks') === 'true')
    send(bookmark(resource, core.store.version(), { 'k8s.io/initial-events-end': 'true' }));
};

const sendChange = ({ send }: Watch, selection: Selection, change: Change): void => {
  const event = eventFor(change, selection);
  if (event !== undefined) send(event);
};

/** Asks for a bookmark soon after the start and every minute. */
const keepBookmarks = ({ core, resource, send }: Watch): (() => void) => {
  let cancel = (): void => undefined;
  const again = (ms: number): void => {
    cancel = core.clock.after(ms, () => {
      send(bookmark(resource, core.store.version()));
      again(60_000);
    });
  };
  again(1_000);
  return () => cancel();
};

const begin = (watch: Watch, selection: Selection): boolean => {
  const { core, resource, query, send } = watch;
  const version = query.get('resourceVersion') ?? '';
  const fromNow = version === '' || version === '0';
  if (query.get('sendInitialEvents') === 'true' || (fromNow && query.get('sendInitialEvents') !== 'false')) {
    sendInitial(watch, selection);
    return true;
  }
  const missed = fromNow ? [] : core.store.since(storageKey(resource), Number(version));
  if (missed === undefined) {
    send({
      type: 'ERROR',
      object: statusOf(expired(`too old resource version: ${version} (${core.store.version()})`)),
    });
    return false;
  }
  for (const change of missed) sendChange(watch, selection, change);
  return true;
};

/** Streams changes until the time asked for is over; the answer stops it. Throws before anything is sent. */
export const watchObjects = (watch: Watch): (() => void) => {
  const { core, resource, query, end } = watch;
  const selection = selectionOf(resource, query, {
    namespace: watch.namespace,
    ...(watch.name === undefined ? {} : { name: watch.name }),
  });
  checkFuture(core, query.get('resourceVersion') ?? '');
  if (!begin(watch, selection)) {
    end();
    return () => undefined;
  }
  const unlisten = core.store.listen(storageKey(resource), (change) => sendChange(watch, selection, change));
  const noBookmarks = query.get('allowWatchBookmarks') === 'true' ? keepBookmarks(watch) : () => undefined;
  const seconds = Number(query.get('timeoutSeconds') ?? 0) || 2_400;
  const stop = (): void => {
    unlisten();
    noBookmarks();
    cancelEnd();
  };
  const cancelEnd = core.clock.after(seconds * 1000, () => {
    stop();
    end();
  });
  return stop;
};
