import { type JsonObject, compact, isObject, listAt, objectAt, textAt } from '../json.ts';
import { type KubeObject, kubeObject } from '../api/kube-object.ts';

export type ConditionValue = { readonly status: 'True' | 'False'; readonly reason?: string; readonly message?: string };

/** The object with conditions set; a condition whose status stays keeps the time of its last change. */
export const withConditions = (
  object: KubeObject,
  time: string,
  values: Readonly<Record<string, ConditionValue>>,
): KubeObject => {
  const known = listAt(object, 'status', 'conditions').filter(isObject);
  const changed = Object.entries(values).map(([type, value]) => {
    const before = known.find((condition) => textAt(condition, 'type') === type);
    const since = before !== undefined && before['status'] === value.status ? before['lastTransitionTime'] : time;
    return { type, lastProbeTime: null, lastTransitionTime: since, ...value };
  });
  const others = known.filter((condition) => !Object.hasOwn(values, textAt(condition, 'type')));
  return kubeObject({ ...object, status: { ...objectAt(object, 'status'), conditions: [...others, ...changed] } });
};

/** How one container is. */
export type ContainerState =
  | { readonly is: 'waiting'; readonly reason: string; readonly message?: string }
  | { readonly is: 'running'; readonly since: string }
  | {
      readonly is: 'ended';
      readonly exitCode: number;
      readonly reason: string;
      readonly message?: string;
      readonly from: string;
      readonly to: string;
    };

export type ContainerReport = {
  readonly name: string;
  /** As the spec has it, or as the runtime names it once it is there. */
  readonly image: string;
  readonly imageId: string;
  readonly state: ContainerState;
};

const stateOf = (state: ContainerState, id: string): JsonObject => {
  switch (state.is) {
    case 'waiting':
      return { waiting: compact({ reason: state.reason, message: state.message }) };
    case 'running':
      return { running: { startedAt: state.since } };
    case 'ended':
      return {
        terminated: {
          exitCode: state.exitCode,
          reason: state.reason,
          ...(state.message === undefined ? {} : { message: state.message }),
          startedAt: state.from,
          finishedAt: state.to,
          containerID: id,
        },
      };
  }
};

/** A containerStatus as a kubelet writes it. */
export const containerStatus = ({ name, image, imageId, state }: ContainerReport, id: string): JsonObject => ({
  name,
  image,
  imageID: imageId,
  ...(state.is === 'waiting' ? {} : { containerID: id }),
  ready: state.is === 'running',
  started: state.is === 'running',
  restartCount: 0,
  lastState: {},
  state: stateOf(state, id),
});

/** A pod's phase by its containers: Pending while any waits, over when all have ended. */
export const phaseOf = (states: readonly ContainerState[]): 'Pending' | 'Running' | 'Succeeded' | 'Failed' => {
  if (states.some(({ is }) => is === 'waiting')) return 'Pending';
  if (states.some(({ is }) => is === 'running')) return 'Running';
  return states.every((state) => state.is === 'ended' && state.exitCode === 0) ? 'Succeeded' : 'Failed';
};
