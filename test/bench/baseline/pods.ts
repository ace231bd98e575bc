import type { Api } from '#runtime/api/api.ts';
import { jobLabels } from './fledged-job.ts';
import { podChange } from './seen.ts';

export type PodPhases = ReadonlyMap<string, string>;

/** The last phase of the Pods of every Job, by the Job's name, from now on. */
export function podPhases(api: Api, namespace: string): PodPhases {
  const phases = new Map<string, string>();
  const selector = encodeURIComponent(
    Object.entries(jobLabels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
  );
  const path = `/api/v1/namespaces/${namespace}/pods?watch=true&timeoutSeconds=7200&labelSelector=${selector}`;
  void (async () => {
    for await (const line of api.lines({ method: 'GET', path })) {
      const { type, object } = podChange.parse(JSON.parse(line));
      const job = object.metadata.labels['job-name'];
      if (type !== 'DELETED' && job !== undefined) phases.set(job, object.status.phase ?? '');
    }
  })();
  return phases;
}
