export type Field = {
  readonly name: string;
  /** A scalar, or the name of a message. */
  readonly type: string;
  /** `counted`: a number that is told even where it is not set; `ignored`: what a client cannot set. */
  readonly as?: 'map' | 'list' | 'ignored' | 'counted';
};

export type Message = Readonly<Record<number, Field>>;

const text = (name: string): Field => ({ name, type: 'string' });
const number = (name: string): Field => ({ name, type: 'number' });
const bool = (name: string): Field => ({ name, type: 'bool' });
const one = (name: string, type: string): Field => ({ name, type });
const list = (name: string, type = 'string'): Field => ({ name, type, as: 'list' });
const map = (name: string, type = 'string'): Field => ({ name, type, as: 'map' });
const ignored = (name: string): Field => ({ name, type: 'bytes', as: 'ignored' });
const metadata = one('metadata', 'ObjectMeta');

/** The numbers of fields on the wire, of the kinds that kubectl's generators make. */
export const messages: Readonly<Record<string, Message>> = {
  ObjectMeta: {
    1: text('name'),
    2: text('generateName'),
    3: text('namespace'),
    5: text('uid'),
    6: text('resourceVersion'),
    7: { ...number('generation'), as: 'counted' },
    8: ignored('creationTimestamp'),
    11: map('labels'),
    12: map('annotations'),
    13: list('ownerReferences', 'OwnerReference'),
    14: list('finalizers'),
    17: ignored('managedFields'),
  },
  SelfSubjectAccessReview: { 1: metadata, 2: one('spec', 'SelfSubjectAccessReviewSpec'), 3: ignored('status') },
  SelfSubjectAccessReviewSpec: {
    1: one('resourceAttributes', 'ResourceAttributes'),
    2: ignored('nonResourceAttributes'),
  },
  ResourceAttributes: {
    1: text('namespace'),
    2: text('verb'),
    3: text('group'),
    4: text('version'),
    5: text('resource'),
    6: text('subresource'),
    7: text('name'),
  },
  OwnerReference: {
    1: text('kind'),
    3: text('name'),
    4: text('uid'),
    5: text('apiVersion'),
    6: bool('controller'),
    7: bool('blockOwnerDeletion'),
  },
  Quantity: { 1: text('string') },
  Namespace: { 1: metadata, 2: one('spec', 'NamespaceSpec'), 3: ignored('status') },
  NamespaceSpec: { 1: list('finalizers') },
  Secret: { 1: metadata, 2: map('data', 'bytes'), 3: text('type'), 4: map('stringData'), 5: bool('immutable') },
  ConfigMap: { 1: metadata, 2: map('data'), 3: map('binaryData', 'bytes'), 4: bool('immutable') },
  ServiceAccount: {
    1: metadata,
    3: list('imagePullSecrets', 'LocalObjectReference'),
    4: bool('automountServiceAccountToken'),
  },
  LocalObjectReference: { 1: text('name') },
  ResourceQuota: { 1: metadata, 2: one('spec', 'ResourceQuotaSpec'), 3: ignored('status') },
  ResourceQuotaSpec: { 1: map('hard', 'Quantity'), 2: list('scopes') },
  PriorityClass: {
    1: metadata,
    2: { ...number('value'), as: 'counted' },
    3: bool('globalDefault'),
    4: text('description'),
    5: text('preemptionPolicy'),
  },
  Job: { 1: metadata, 2: one('spec', 'JobSpec'), 3: ignored('status') },
  JobSpec: {
    1: number('parallelism'),
    2: number('completions'),
    3: number('activeDeadlineSeconds'),
    6: one('template', 'PodTemplateSpec'),
    7: number('backoffLimit'),
    8: number('ttlSecondsAfterFinished'),
    10: bool('suspend'),
  },
  PodTemplateSpec: { 1: metadata, 2: one('spec', 'PodSpec') },
  PodSpec: {
    2: list('containers', 'Container'),
    3: text('restartPolicy'),
    4: number('terminationGracePeriodSeconds'),
    6: text('dnsPolicy'),
    8: text('serviceAccountName'),
    9: text('serviceAccount'),
    19: text('schedulerName'),
    15: list('imagePullSecrets', 'LocalObjectReference'),
  },
  Container: {
    1: text('name'),
    2: text('image'),
    3: list('command'),
    4: list('args'),
    8: ignored('resources'),
    13: text('terminationMessagePath'),
    14: text('imagePullPolicy'),
    20: text('terminationMessagePolicy'),
  },
};
