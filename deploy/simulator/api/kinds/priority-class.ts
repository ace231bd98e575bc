import { numberAt } from '../../json.ts';
import type { Resource } from '../resource.ts';
import { ageColumn, builtIn, column, nameColumn } from './built-in.ts';

/** The priority of Pods, by name. Nothing is preempted, as nodes have room for all. */
export const priorityClasses: Resource = builtIn({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  shortNames: ['pc'],
  namespaced: false,
  model: 'V1PriorityClass',
  description: 'The priority of Pods, by name. Nothing is preempted in this cluster.',
  columns: [nameColumn, { ...column('Value', (one) => numberAt(one, 'value') ?? 0), type: 'integer' }, ageColumn],
});
