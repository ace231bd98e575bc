import { at, isObject, listAt, numberAt, textAt } from '../../json.ts';
import { type KubeObject, isTerminating, nameOf } from '../kube-object.ts';
import type { Column } from '../resource.ts';
import { ageColumn, column } from './built-in.ts';

/** What holds a container, or how it failed; undefined where neither. */
const trouble = (status: unknown): string | undefined => {
  const waits = textAt(status, 'state', 'waiting', 'reason');
  const failed = (numberAt(status, 'state', 'terminated', 'exitCode') ?? 0) !== 0;
  return waits === '' && failed ? textAt(status, 'state', 'terminated', 'reason') : waits || undefined;
};

/** kubectl's one word for how a pod is. */
export const podReason = (pod: KubeObject): string => {
  const phase = textAt(pod, 'status', 'phase');
  if (isTerminating(pod) && phase !== 'Succeeded' && phase !== 'Failed') return 'Terminating';
  const init = listAt(pod, 'status', 'initContainerStatuses').map(trouble).find(isText);
  if (init !== undefined) return `Init:${init}`;
  const main = listAt(pod, 'status', 'containerStatuses').map(trouble).find(isText);
  return main ?? (textAt(pod, 'status', 'reason') || (phase === 'Succeeded' ? 'Completed' : phase));
};

const isText = (text: string | undefined): boolean => text !== undefined;

const isRunning = (status: unknown): boolean => isObject(at(status, 'state', 'running'));

const ready = (pod: KubeObject): string =>
  `${listAt(pod, 'status', 'containerStatuses').filter(isRunning).length}/${listAt(pod, 'spec', 'containers').length}`;

export const podColumns: readonly Column[] = [
  column('Name', nameOf),
  column('Ready', ready),
  column('Status', podReason),
  column('Restarts', () => '0'),
  ageColumn,
  column('Node', (pod) => textAt(pod, 'spec', 'nodeName') || '<none>', 1),
];
