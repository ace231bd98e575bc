import { at, isObject, listAt, textAt } from '../json.ts';
import { type KubeObject, labelsOf, nameOf, namespaceOf } from '../api/kube-object.ts';
import { imageOf } from './image.ts';

/** A container that a node's runtime knows, running or ended, and what it runs and mounts. */
export type ImageUser = {
  /** `namespace/pod/container`, with `(ended)` if it does not run. */
  readonly name: string;
  /** The labels of its Pod. */
  readonly labels: Readonly<Record<string, string>>;
  readonly digests: readonly string[];
};

const mountedBy = (pod: KubeObject, container: unknown): readonly string[] => {
  const names = listAt(container, 'volumeMounts').map((mount) => textAt(mount, 'name'));
  return listAt(pod, 'spec', 'volumes')
    .filter((volume) => names.includes(textAt(volume, 'name')))
    .map((volume) => textAt(volume, 'image', 'reference'));
};

const usersIn = (pod: KubeObject): readonly ImageUser[] => {
  const specs = [...listAt(pod, 'spec', 'containers'), ...listAt(pod, 'spec', 'initContainers')];
  const statuses = [...listAt(pod, 'status', 'containerStatuses'), ...listAt(pod, 'status', 'initContainerStatuses')];
  return specs.filter(isObject).flatMap((spec) => {
    const name = textAt(spec, 'name');
    const status = statuses.find((one) => textAt(one, 'name') === name);
    if (textAt(status, 'containerID') === '') return [];
    const isRunning = at(status, 'state', 'running') !== undefined;
    return [
      {
        name: `${namespaceOf(pod)}/${nameOf(pod)}/${name}${isRunning ? '' : ' (ended)'}`,
        labels: labelsOf(pod),
        digests: [textAt(spec, 'image'), ...mountedBy(pod, spec)].map((image) => imageOf(image)?.digest ?? ''),
      },
    ];
  });
};

/** The containers of a node's Pods. */
export const imageUsers = (pods: readonly KubeObject[], node: string): readonly ImageUser[] =>
  pods.filter((pod) => textAt(pod, 'spec', 'nodeName') === node).flatMap(usersIn);
