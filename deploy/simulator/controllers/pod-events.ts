import type { KubeObject } from '../api/kube-object.ts';
import type { ObjectOperations } from './object-operations.ts';
import type { PullResult } from './image-store.ts';

/** A kubelet's own limit of Events about one pod. */
const limit = 25;

/** What a kubelet says about a pod, as Events. */
export type PodEvents = {
  readonly pulling: (reference: string, path: string) => void;
  readonly pulled: (reference: string, path: string, result: PullResult) => void;
  readonly backingOff: (reference: string, path: string) => void;
  readonly started: (path: string) => void;
};

const already = 'already present on machine and can be accessed by the pod' as const;

const seconds = (ms: number): string => (ms < 1000 ? `${ms}ms` : `${ms / 1000}s`);

export const podEvents = (operations: ObjectOperations, pod: KubeObject, host: string): PodEvents => {
  let left = limit;
  const tell = (type: 'Normal' | 'Warning', reason: string, message: string, fieldPath: string): void => {
    if (left === 0) return;
    left -= 1;
    operations.recordEvent({ about: pod, type, reason, message, component: 'kubelet', host, fieldPath });
  };
  const refused = (
    reference: string,
    path: string,
    { reason, message }: Extract<PullResult, { is: 'failed' }>,
  ): void => {
    if (reason === 'ErrImagePull') tell('Warning', 'Failed', `Failed to pull image "${reference}": ${message}`, path);
    else tell('Warning', reason === 'InvalidImageName' ? 'InspectFailed' : reason, message, path);
    tell('Warning', 'Failed', `Error: ${reason}`, path);
  };
  return {
    pulling: (reference, path) => tell('Normal', 'Pulling', `Pulling image "${reference}"`, path),
    pulled: (reference, path, result) => {
      if (result.is === 'failed') refused(reference, path, result);
      else if (result.is === 'present') tell('Normal', 'Pulled', `Container image "${reference}" ${already}`, path);
      else {
        const time = seconds(result.ms);
        const size = `Image size: ${result.image.size} bytes.`;
        tell(
          'Normal',
          'Pulled',
          `Successfully pulled image "${reference}" in ${time} (${time} including waiting). ${size}`,
          path,
        );
      }
    },
    backingOff: (reference, path) => {
      tell('Normal', 'BackOff', `Back-off pulling image "${reference}"`, path);
      tell('Warning', 'Failed', 'Error: ImagePullBackOff', path);
    },
    started: (path) => {
      tell('Normal', 'Created', 'Container created', path);
      tell('Normal', 'Started', 'Container started', path);
    },
  };
};
