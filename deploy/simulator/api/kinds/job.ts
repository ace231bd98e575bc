import { isDeepStrictEqual } from 'node:util';
import { type JsonObject, at, listAt, numberAt, objectAt, textAt, withAt } from '../../json.ts';
import { type KubeObject, isTerminating, kubeObject, labelsOf, nameOf, uidOf, withMetadata } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { invalidWithoutValue, required, labelErrors } from '../schema/field-errors.ts';
import { type FieldError, notImplemented } from '../status-error.ts';
import { ageColumn, builtIn, column, nameColumn } from './built-in.ts';
import { podSpecDefaults, podSpecErrors } from './pod.ts';

export const hasCondition = (job: KubeObject, type: string): boolean =>
  listAt(job, 'status', 'conditions').some(
    (condition) => textAt(condition, 'type') === type && textAt(condition, 'status') === 'True',
  );

const state = (job: KubeObject): string =>
  ['Complete', 'Failed'].find((type) => hasCondition(job, type)) ?? (isTerminating(job) ? 'Terminating' : 'Running');

const labelled = (job: KubeObject): KubeObject => {
  if (at(job, 'spec', 'manualSelector') === true) return job;
  const uid = uidOf(job);
  const own = {
    'batch.kubernetes.io/controller-uid': uid,
    'batch.kubernetes.io/job-name': nameOf(job),
    'controller-uid': uid,
    'job-name': nameOf(job),
  };
  const labels = { ...objectAt(job, 'spec', 'template', 'metadata', 'labels'), ...own };
  const selected = withAt(job, ['spec', 'selector'], { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } });
  const labelled = kubeObject(withAt(selected, ['spec', 'template', 'metadata', 'labels'], labels));
  // A Job without labels of its own shows those of its template.
  return Object.keys(labelsOf(job)).length === 0 ? withMetadata(labelled, { labels }) : labelled;
};

/** Throws 501 for a Job of anything but one Pod. */
const checkSize = (spec: JsonObject): void => {
  const { parallelism = 1, completions = 1, completionMode = 'NonIndexed', suspend = false } = spec;
  if (parallelism !== 1 || completions !== 1) throw notImplemented('Jobs of several Pods');
  if (completionMode !== 'NonIndexed' || suspend !== false) throw notImplemented('indexed and suspended Jobs');
};

const prepare = (job: KubeObject, old: KubeObject | undefined): KubeObject => {
  const spec = objectAt(job, 'spec');
  checkSize(spec);
  const template = objectAt(spec, 'template');
  const filled = kubeObject({
    ...job,
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 6,
      completionMode: 'NonIndexed',
      manualSelector: false,
      podReplacementPolicy: 'TerminatingOrFailed',
      suspend: false,
      ...spec,
      template: {
        ...template,
        metadata: objectAt(template, 'metadata'),
        spec: podSpecDefaults(objectAt(template, 'spec')),
      },
    },
  });
  return old === undefined ? labelled({ ...filled, status: {} }) : filled;
};

const immutable = ['template', 'selector', 'podFailurePolicy', 'backoffLimitPerIndex'] as const;

const changed = (job: KubeObject, old: KubeObject): readonly FieldError[] =>
  immutable
    .filter((field) => !isDeepStrictEqual(at(job, 'spec', field), at(old, 'spec', field)))
    .map((field) =>
      invalidWithoutValue(`spec.${field}`, `${JSON.stringify(at(job, 'spec', field) ?? null)}: field is immutable`),
    );

const validate = (job: KubeObject, old: KubeObject | undefined): readonly FieldError[] => {
  const spec = objectAt(job, 'spec', 'template', 'spec');
  const policy = textAt(spec, 'restartPolicy');
  const errors = [
    ...labelErrors(objectAt(job, 'spec', 'template', 'metadata', 'labels'), 'spec.template.labels'),
    ...podSpecErrors(spec, 'spec.template.spec').filter(({ field }) => !field.endsWith('.restartPolicy')),
    ...(policy === 'OnFailure' || policy === 'Never' ? [] : [required('spec.template.spec.restartPolicy')]),
  ];
  return old === undefined ? errors : [...errors, ...changed(job, old)];
};

/** Jobs of one Pod. Their template never changes. */
export const jobs: Resource = builtIn({
  group: 'batch',
  version: 'v1',
  kind: 'Job',
  plural: 'jobs',
  categories: ['all'],
  hasStatus: true,
  hasGeneration: true,
  model: 'V1Job',
  description: 'Runs one Pod at a time until one has succeeded.',
  columns: [
    nameColumn,
    column('Status', state),
    column('Completions', (job) => `${numberAt(job, 'status', 'succeeded') ?? 0}/1`),
    ageColumn,
  ],
  fields: (job) => ({ 'status.successful': String(numberAt(job, 'status', 'succeeded') ?? 0) }),
  strategy: { prepare, validate },
});
