import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';

/** Counts the Jobs created in a namespace from now on, by their metadata, so that ten thousand are little load. */
export type JobCounter = {
  readonly created: () => number;
  /** When the last of them was reported; epoch milliseconds. */
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
  let [created, lastAt, version] = [0, 0, (await someJobs(api)).metadata.resourceVersion];
  let failure: unknown;
  const watching = watchOn().catch((error: unknown) => void (failure = error));

  /** A busy API server ends slow watches: resume at the last version. */
  async function watchOn(): Promise<void> {
    for (let attempts = 0; !stopping.signal.aborted; attempts += 1) {
      const before = version;
      await watch().catch((error: unknown) => {
        if (attempts >= 5) throw error;
      });
      if (version !== before) attempts = 0;
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
      created += 1;
      lastAt = Date.now();
    }
  }

  return {
    created: () => created,
    lastAt: () => lastAt,
    stop: async () => {
      stopping.abort();
      await watching;
      if (failure !== undefined) throw new Error('counting the Jobs failed', { cause: failure });
    },
  };
}
