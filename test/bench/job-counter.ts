import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';

/** Counts the Jobs that are made in a namespace from now on, without reading what they are: ten thousand are no load then. */
export type JobCounter = {
  readonly made: () => number;
  /** When the last of them was told of; epoch milliseconds. */
  readonly lastAt: () => number;
  /** Throws if the watch broke. */
  readonly stop: () => Promise<void>;
};

const listing = z.object({
  metadata: z.object({ resourceVersion: z.string() }),
  items: z.nullish(z.array(z.unknown())),
}); // an empty list has none
const jobs = '/apis/batch/v1/namespaces/default/jobs';
const accept = (as: string): string => `application/json;as=${as};g=meta.k8s.io;v=v1`;

const someJobs = async (api: Api): Promise<z.infer<typeof listing>> =>
  listing.parse(
    await api.request({ method: 'GET', path: `${jobs}?limit=1`, accept: accept('PartialObjectMetadataList') }),
  );

/** Whether there is no Job in the namespace. */
export const hasNoJobs = async (api: Api): Promise<boolean> => ((await someJobs(api)).items ?? []).length === 0;

export async function countJobs(api: Api): Promise<JobCounter> {
  const stopping = new AbortController();
  let [made, lastAt, version] = [0, 0, (await someJobs(api)).metadata.resourceVersion];
  let trouble: unknown;
  const watching = watchOn().catch((error: unknown) => void (trouble = error));

  /** A busy API server ends watches that it thinks slow: then it goes on where that one was. */
  async function watchOn(): Promise<void> {
    for (let fruitless = 0; !stopping.signal.aborted; fruitless += 1) {
      const before = version;
      await watch().catch((error: unknown) => {
        if (fruitless >= 5) throw error;
      });
      if (version !== before) fruitless = 0;
      await sleep(100);
    }
  }

  async function watch(): Promise<void> {
    const path = `${jobs}?watch=true&timeoutSeconds=3600&resourceVersion=${version}`;
    const call = { method: 'GET', path, accept: accept('PartialObjectMetadata'), signal: stopping.signal } as const;
    for await (const line of api.lines(call)) {
      if (line.startsWith('{"type":"ERROR"')) throw new Error(line);
      version = /"resourceVersion":"(\d+)"/.exec(line)?.[1] ?? version;
      if (!line.startsWith('{"type":"ADDED"')) continue;
      made += 1;
      lastAt = Date.now();
    }
  }

  return {
    made: () => made,
    lastAt: () => lastAt,
    stop: async () => {
      stopping.abort();
      await watching;
      if (trouble !== undefined) throw new Error('Jobs were not counted to the end', { cause: trouble });
    },
  };
}
