/** A kind whose objects are Pods or create them. */
export type WorkloadKind = {
  readonly kind: string;
  /** The path of its API. */
  readonly api: string;
  readonly plural: string;
  readonly short: string;
  /** Where its objects have the Pod template. */
  readonly template: readonly string[];
};

const apps = { api: '/apis/apps/v1', template: ['spec', 'template'] } as const;
const batch = '/apis/batch/v1';

export const workloadKinds: readonly WorkloadKind[] = [
  { kind: 'Pod', api: '/api/v1', plural: 'pods', short: 'po', template: [] },
  { kind: 'Deployment', plural: 'deployments', short: 'deploy', ...apps },
  { kind: 'StatefulSet', plural: 'statefulsets', short: 'sts', ...apps },
  { kind: 'DaemonSet', plural: 'daemonsets', short: 'ds', ...apps },
  { kind: 'ReplicaSet', plural: 'replicasets', short: 'rs', ...apps },
  { kind: 'Job', api: batch, plural: 'jobs', short: 'job', template: ['spec', 'template'] },
  {
    kind: 'CronJob',
    api: batch,
    plural: 'cronjobs',
    short: 'cj',
    template: ['spec', 'jobTemplate', 'spec', 'template'],
  },
];

/** The kind by any of the names that kubectl accepts, such as `deploy`, `Deployment` and `deployments.apps`. */
export function workloadKind(name: string): WorkloadKind | undefined {
  const [word = ''] = name.toLowerCase().split('.');
  return workloadKinds.find(({ kind, plural, short }) => [kind.toLowerCase(), plural, short].includes(word));
}
