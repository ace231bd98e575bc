import { setTimeout as sleep } from 'node:timers/promises';
import type { Api } from '#runtime/api/api.ts';
import type { Written } from './measured-listener.ts';

/** Jobs of many caches that no controller acts on. */
export type Churn = {
  /** Creates the caches and their Jobs. */
  readonly fill: () => Promise<void>;
  /** Replaces the oldest Job by a new one, at this rate; returns the deletions, as our source does not report new Jobs. */
  readonly turn: (writesPerSecond: number, seconds: number) => Promise<readonly Written[]>;
};

export type ChurnSize = { readonly jobs: number; readonly caches: number };

const jobsPath = '/apis/batch/v1/namespaces/default/jobs';
const cachesPath = '/apis/kubefledged.io/v1alpha2/namespaces/default/imagecaches';

export function churn(api: Api, { jobs, caches }: ChurnSize): Churn {
  const cacheOf = (index: number): string => `churn-${index % caches}`;
  const create = (index: number): Promise<unknown> =>
    api.request({ method: 'POST', path: jobsPath, body: inertJob(jobName(index), cacheOf(index)) });
  const remove = (index: number): Promise<unknown> =>
    api.request({ method: 'DELETE', path: `${jobsPath}/${jobName(index)}`, body: { propagationPolicy: 'Background' } });
  return {
    fill: async () => {
      const names = Array.from({ length: caches }, (_, index) => cacheOf(index));
      await Promise.all(
        names.map((name) => api.request({ method: 'POST', path: cachesPath, body: cacheObject(name) })),
      );
      await Promise.all(Array.from({ length: jobs }, (_, index) => create(index)));
    },
    turn: async (writesPerSecond, seconds) => {
      const written: Written[] = [];
      const pending: Promise<unknown>[] = [];
      const start = performance.now();
      for (let turn = 0; turn < (writesPerSecond * seconds) / 2; turn += 1) {
        await sleep(Math.max(0, start + (turn * 2000) / writesPerSecond - performance.now()));
        const at = performance.now();
        written.push({ name: jobName(turn), at });
        pending.push(remove(turn), create(jobs + turn));
      }
      await Promise.all(pending);
      return written;
    },
  };
}

const jobName = (index: number): string => `job-${index}`;

const cacheObject = (name: string): object => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name },
  spec: { cacheSpec: [{ images: ['registry.example/app:1'], nodeSelector: { pool: 'none' } }] },
});

/** A Job with our labels; managedBy disables the Job controller, so that the bench is the only writer. */
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
