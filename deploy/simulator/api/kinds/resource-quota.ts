import { type JsonObject, objectAt, textAt } from '../../json.ts';
import { type KubeObject, kubeObject } from '../kube-object.ts';
import type { Resource } from '../resource.ts';
import { notImplemented } from '../status-error.ts';
import { ageColumn, builtIn, column, nameColumn } from './built-in.ts';

const counted = /^(pods|secrets|configmaps|count\/[a-z.]+)$/;

const usage = (quota: KubeObject): string =>
  Object.entries(objectAt(quota, 'status', 'hard'))
    .map(([name, hard]) => `${name}: ${textAt(quota, 'status', 'used', name) || '0'}/${String(hard)}`)
    .join(', ');

const onlyCounts = (hard: JsonObject): void => {
  const other = Object.keys(hard).find((name) => !counted.test(name));
  if (other !== undefined) throw notImplemented(`quotas of ${other}: only numbers of objects are counted`);
};

/** Quotas of numbers of objects; of anything else they are refused. */
export const resourceQuotas: Resource = builtIn({
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  shortNames: ['quota'],
  hasStatus: true,
  model: 'V1ResourceQuota',
  description: 'How many objects a namespace may hold.',
  columns: [nameColumn, column('Request', usage), column('Limit', () => ''), ageColumn],
  strategy: {
    prepare: (quota) => {
      const hard = objectAt(quota, 'spec', 'hard');
      onlyCounts(hard);
      return kubeObject({ ...quota, status: { hard, used: objectAt(quota, 'status', 'used') } });
    },
  },
});
