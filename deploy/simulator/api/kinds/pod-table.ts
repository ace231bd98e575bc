import { type JsonObject, at, isObject, listAt, numberAt, textAt } from '../../json.ts';
import { type KubeObject, isTerminating, nameOf } from '../kube-object.ts';
import type { Column } from '../resource.ts';
import { ageColumn, column } from './built-in.ts';

const statuses = (pod: KubeObject, field: string): readonly JsonObject[] =>
  listAt(pod, 'status', field).filter(isObject);

const ended = (status: JsonObject): string => {
  const reason = textAt(status, 'state', 'terminated', 'reason');
  return reason === '' ? `ExitCode:${numberAt(status, 'state', 'terminated', 'exitCode') ?? 0}` : reason;
};

/** What holds the first init container that is not done; undefined where all are. */
const initReason = (pod: KubeObject): string | undefined => {
  const all = statuses(pod, 'initContainerStatuses');
  for (const [index, status] of all.entries()) {
    if (numberAt(status, 'state', 'terminated', 'exitCode') === 0) continue;
    if (at(status, 'state', 'terminated') !== undefined) return `Init:${ended(status)}`;
    const waits = textAt(status, 'state', 'waiting', 'reason');
    return waits === '' || waits === 'PodInitializing' ? `Init:${index}/${all.length}` : `Init:${waits}`;
  }
  return undefined;
};

const containerReason = (status: JsonObject): string | undefined => {
  const waits = textAt(status, 'state', 'waiting', 'reason');
  if (waits !== '') return waits;
  return at(status, 'state', 'terminated') === undefined ? undefined : ended(status);
};

const isRunning = (status: JsonObject): boolean =>
  status['ready'] === true && at(status, 'state', 'running') !== undefined;

const mainReason = (pod: KubeObject, phase: string): string => {
  const all = statuses(pod, 'containerStatuses');
  const reason = all.map(containerReason).find((one) => one !== undefined) ?? phase;
  if (reason !== 'Completed') return reason;
  if (all.some(isRunning)) return 'Running';
  const failed = all.find((status) => (numberAt(status, 'state', 'terminated', 'exitCode') ?? 0) !== 0);
  return failed === undefined ? reason : ended(failed);
};

/** kubectl's one word for how a pod is. */
export const podReason = (pod: KubeObject): string => {
  const phase = textAt(pod, 'status', 'phase');
  if (isTerminating(pod) && phase !== 'Succeeded' && phase !== 'Failed') return 'Terminating';
  return initReason(pod) ?? mainReason(pod, textAt(pod, 'status', 'reason') || phase);
};

const ready = (pod: KubeObject): string =>
  `${statuses(pod, 'containerStatuses').filter(isRunning).length}/${listAt(pod, 'spec', 'containers').length}`;

const restarts = (pod: KubeObject): string =>
  String(statuses(pod, 'containerStatuses').reduce((sum, status) => sum + (numberAt(status, 'restartCount') ?? 0), 0));

export const podColumns: readonly Column[] = [
  column('Name', nameOf),
  column('Ready', ready),
  column('Status', podReason),
  column('Restarts', restarts),
  ageColumn,
  column('Node', (pod) => textAt(pod, 'spec', 'nodeName') || '<none>', 1),
];
