import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '#runtime/api/api.ts';
import type { Written } from './measured-listener.ts';

/** Jobs of many caches that no controller does anything for. */
export type Churn = {
  /** Makes a cache for every so many Jobs, and the Jobs. */
  readonly fill: () => Promise<void>;
  /** Deletes the oldest Job and makes a new one, again and again, so many writes a second; tells each deletion: that a Job was made, our source keeps to itself. */
  readonly turn: (writesPerSecond: number, seconds: number) => Promise<readonly Written[]>;
};

export type ChurnSize = { readonly jobs: number; readonly caches: number };

const jobsPath = '/apis/batch/v1/namespaces/default/jobs';
const cachesPath = '/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches';

export function churn(api: Api, { jobs, caches }: ChurnSize): Churn {
  const cacheOf = (index: number): string => `churn-${index % caches}`;
  const make = (index: number): Promise<unknown> =>
    api.request({ method: 'POST', path: jobsPath, body: inertJob(jobName(index), cacheOf(index)) });
  const remove = (index: number): Promise<unknown> =>
    api.request({
      method: 'DELETE',
      path: `${jobsPath}/${jobName(index)}`,
      body: { propagationPolicy: 'Background' },
    });
  return {
    fill: async () => {
      const names = Array.from({ length: caches }, (_, index) => cacheOf(index));
      await Promise.all(names.map((name) => api.request({ method: 'POST', path: cachesPath, body: cacheNamed(name) })));
      await Promise.all(Array.from({ length: jobs }, (_, index) => make(index)));
    },
    turn: async (writesPerSecond, seconds) => {
      const written: Written[] = [];
      const pending: Promise<unknown>[] = [];
      const begin = performance.now();
      for (let turn = 0; turn < (writesPerSecond * seconds) / 2; turn += 1) {
        await sleep(Math.max(0, begin + (turn * 2000) / writesPerSecond - performance.now()));
        const at = performance.now();
        written.push({ name: jobName(turn), at });
        pending.push(remove(turn), make(jobs + turn));
      }
      await Promise.all(pending);
      return written;
    },
  };
}

const jobName = (index: number): string => `job-${index}`;

const cacheNamed = (name: string): object => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name },
  spec: { cacheSpec: [{ images: ['registry.example/app:1'], nodeSelector: { pool: 'none' } }] },
});

/** A Job of ours as sources see it; managedBy keeps the Job controller away, so that nobody but us writes. */
function inertJob(name: string, cache: string): object {
  const labels = { app: 'kubefledged', kubefledged: 'kubefledged-image-manager' };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name, labels, annotations: { 'kubefledged.io/cache': `default/${cache}` } },
    spec: {
      managedBy: 'bench.example.com/nobody',
      template: {
        metadata: { labels },
        spec: { restartPolicy: 'Never', containers: [{ name: 'image', image: 'registry.example/app:1' }] },
      },
    },
  };
}
