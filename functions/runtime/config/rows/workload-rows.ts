import { revisions, type SourceKind } from '#model/workload/image-sources.ts';
import { workloadKinds } from '#model/workload/workload.ts';
import { duration, namespaceNames, type Reads } from '#runtime/config/setting.ts';
import { both } from './row.ts';

const known: readonly SourceKind[] = [...workloadKinds, revisions];

/** `Rollout=argoproj.io/v1alpha1/rollouts:spec.template`. */
const other =
  /^(?<kind>[A-Z][A-Za-z0-9]{0,62})=(?<group>[a-z0-9.-]+)\/(?<version>v[a-z0-9]+)\/(?<plural>[a-z0-9]+):(?<path>[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)*)$/;

function sourceKind(text: string): SourceKind | undefined {
  const { kind = '', group, version, plural = '', path = '' } = other.exec(text)?.groups ?? {};
  if (kind === '') return known.find((each) => each.kind === text);
  return { kind, api: `/apis/${group ?? ''}/${version ?? ''}`, plural, template: path.split('.') };
}

const sourceKinds: Reads<readonly SourceKind[]> = {
  parse: (value) => {
    const names = value.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]));
    const kinds = names.map(sourceKind);
    const valid = kinds.filter((kind) => kind !== undefined);
    return valid.length === kinds.length ? { value: valid } : undefined;
  },
  expects: `kinds separated by commas, each one of ${known.map(({ kind }) => kind).join(', ')}, or as in Rollout=argoproj.io/v1alpha1/rollouts:spec.template`,
};

const namespacesOrAll: Reads<readonly string[] | 'all'> = {
  parse: (value) => (value.trim() === '*' ? { value: 'all' } : namespaceNames.parse(value)),
  expects: 'names of namespaces such as apps, separated by commas, or * for all',
};

/** Settings of `spec.cacheSpec[].imagesFrom`. */
export const workloadRows = {
  workloadKinds: both('workload-kinds', sourceKinds, {
    fallback: '',
    doc: 'Kinds of workloads that spec.cacheSpec[].imagesFrom may read, separated by commas, such as Deployment,CronJob; Revision stands for the Images of Knative. Another kind is written with its group, version, plural and the path of its Pod template, as in Rollout=argoproj.io/v1alpha1/rollouts:spec.template. Each needs the right to list and watch it; empty: imagesFrom is off',
  }),
  workloadRoundInterval: both('workload-round-interval', duration(1), {
    fallback: '30s',
    doc: 'Minimum time between the rounds that changed workloads open for one cache, which bounds what a storm of rollouts costs',
  }),
  knativeImages: both('knative-images', namespacesOrAll, {
    fallback: '',
    doc: 'Namespaces in which the Images of Knative Serving are pulled and get a condition Ready, separated by commas, or * for all: an ImageCache knative-images is made in each that has Images. Needs the rights of deploy/kubectl/knative-images.yaml; empty: off',
  }),
} as const;
