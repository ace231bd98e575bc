import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';

export type Change<T> = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
  /** When the event was received; epoch milliseconds. */
  readonly at: number;
};

export type Recording<T> = {
  /** Throws if the watch failed, as the recording is then incomplete. */
  readonly changes: () => readonly Change<T>[];
  readonly stop: () => Promise<void>;
};

const listing = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  items: z._default(z.array(z.unknown()), []),
});
const line = z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']), object: z.unknown() });

const versioned = z.object({ metadata: z.object({ resourceVersion: z.string() }) });

/** Milliseconds before a watch that the API server ended is continued. */
const pause = 50;

/**
 * Records every change in a collection. A watch that the API server ends, as it does when the kind's definition changes, is
 * continued after the last change. An API server that has just started to serve a kind may answer that the resource version
 * it returned is too old. No events were received since, so the collection is listed again, and new objects count as added.
 */
export async function recordWatch<T>(api: Api, path: string, parse: (object: unknown) => T): Promise<Recording<T>> {
  const changes: Change<T>[] = [];
  const stopping = new AbortController();
  const list = async (limit: number) =>
    listing.parse(await api.request({ method: 'GET', path: `${path}?limit=${limit}` }));
  const take = (type: Change<T>['type'], object: unknown): void => {
    changes.push({ type, object: parse(object), at: Date.now() });
  };
  const { metadata } = await list(1);
  let trouble: Error | undefined;
  const watching = watch(metadata.resourceVersion).catch((cause: unknown) => {
    trouble = new Error(`the watch of ${path} broke`, { cause });
  });

  async function watch(since: string): Promise<void> {
    const query = `?watch=true&timeoutSeconds=3600&resourceVersion=${since}`;
    let last = since;
    for await (const text of api.lines({ method: 'GET', path: `${path}${query}`, signal: stopping.signal })) {
      const { type, object } = line.parse(JSON.parse(text));
      if (type === 'ERROR' && changes.length === 0 && isExpired(object)) return again();
      if (type === 'ERROR') throw new Error(JSON.stringify(object));
      last = versioned.parse(object).metadata.resourceVersion;
      if (type !== 'BOOKMARK') take(type, object);
    }
    const continues = await sleep(pause, true, { signal: stopping.signal }).catch(() => false);
    if (continues) await watch(last);
  }

  async function again(): Promise<void> {
    const listed = await list(0);
    for (const item of listed.items) take('ADDED', item);
    return watch(listed.metadata.resourceVersion);
  }

  return {
    changes: () => {
      if (trouble !== undefined) throw trouble;
      return changes;
    },
    stop: async () => {
      stopping.abort();
      await watching;
    },
  };
}

const isExpired = (status: unknown): boolean => z.object({ code: z.literal(410) }).safeParse(status).success;
