import * as z from 'zod/mini';
import type { Api } from '#runtime/api.ts';

export type Change<T> = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: T;
  /** When it was told here; epoch milliseconds. */
  readonly at: number;
};

export type Recording<T> = {
  /** Throws if the watch broke: then what was recorded is not all there was. */
  readonly changes: () => readonly Change<T>[];
  readonly stop: () => Promise<void>;
};

const listing = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
const line = z.object({ type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']), object: z.unknown() });

/** Records every change in a collection from now on. */
export async function recordWatch<T>(api: Api, path: string, parse: (object: unknown) => T): Promise<Recording<T>> {
  const changes: Change<T>[] = [];
  const stopping = new AbortController();
  const { metadata } = listing.parse(await api.request({ method: 'GET', path: `${path}?limit=1` }));
  let trouble: Error | undefined;
  const watching = watch().catch((cause: unknown) => {
    trouble = new Error(`the watch of ${path} broke`, { cause });
  });

  async function watch(): Promise<void> {
    const query = `?watch=true&timeoutSeconds=3600&resourceVersion=${metadata.resourceVersion}`;
    for await (const text of api.lines({ method: 'GET', path: `${path}${query}`, signal: stopping.signal })) {
      const { type, object } = line.parse(JSON.parse(text));
      if (type === 'ERROR') throw new Error(JSON.stringify(object));
      if (type !== 'BOOKMARK') changes.push({ type, object: parse(object), at: Date.now() });
    }
    if (!stopping.signal.aborted) throw new Error('the API server ended it');
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
