import type { Clock, Timings } from '../timings.ts';
import { at, isObject, listAt, textAt, type JsonObject } from '../json.ts';
import { type KubeObject, labelsOf, nameOf, namespaceOf } from '../api/kube-object.ts';
import { createHash } from 'node:crypto';

export type PullResult =
  | { readonly is: 'pulled' | 'present'; readonly image: Image; readonly ms: number }
  | {
      readonly is: 'failed';
      readonly reason: 'ErrImagePull' | 'ErrImageNeverPull' | 'InvalidImageName';
      readonly message: string;
    };

/** The images of one node, which pulls them one after another as kubelets do by default. */
export type ImageStore = {
  readonly pull: (reference: string, policy: string, started: () => void, done: (result: PullResult) => void) => void;
  readonly images: () => readonly Image[];
  /** Takes out what has this content, by all its names. */
  readonly remove: (digest: string) => void;
  readonly stop: () => void;
};

const invalidName = (reference: string): PullResult => ({
  is: 'failed',
  reason: 'InvalidImageName',
  message: `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`,
});

/** Go's message for a refused connection. */
const notConnected = ({ repository, name }: Image): string => {
  const slash = repository.indexOf('/');
  const [host, path, tag] = [
    repository.slice(0, slash),
    repository.slice(slash + 1),
    name.slice(repository.length + 1),
  ];
  return `failed to do request: Head "https://${host}/v2/${path}/manifests/${tag}": dial tcp 10.0.0.9:${host.split(':')[1] ?? '443'}: connect: connection refused`;
};

const failure = (reference: string, image: Image): string | undefined => {
  const prefix = `failed to pull and unpack image "${image.name}": failed to resolve image: `;
  if (reference.includes('missing')) return `rpc error: code = NotFound desc = ${prefix}${image.name}: not found`;
  if (reference.includes('denied'))
    return `${prefix}pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`;
  if (reference.includes('unreachable')) return `${prefix}${notConnected(image)}`;
  if (reference.includes('hang'))
    return `rpc error: code = Canceled desc = failed to pull and unpack image "${image.name}": context canceled`;
  return undefined;
};

const duration = (reference: string, { pull: [shortest, longest], slowPull, hang }: Timings): number => {
  if (reference.includes('hang')) return hang;
  if (reference.includes('slow')) return slowPull;
  return Math.round(shortest + fraction(reference) * (longest - shortest));
};

export const createImageStore = (clock: Clock, timings: Timings, changed: () => void): ImageStore => {
  const images = new Map<string, Image>();
  const waiting: (() => void)[] = [];
  let cancel: (() => void) | undefined;
  const next = (): void => {
    cancel = undefined;
    waiting.shift()?.();
  };
  const run = (reference: string, image: Image, done: (result: PullResult) => void): void => {
    // An image that another Pod has pulled meanwhile only costs the check.
    const ms = images.has(image.name) ? 60 : duration(reference, timings);
    cancel = clock.after(ms, () => {
      const message = failure(reference, image);
      if (message === undefined) {
        images.delete(image.name);
        images.set(image.name, image);
        changed();
      }
      done(message === undefined ? { is: 'pulled', image, ms } : { is: 'failed', reason: 'ErrImagePull', message });
      next();
    });
  };
  return {
    pull: (reference, policy, started, done) => {
      const image = imageOf(reference);
      if (image === undefined) {
        done(invalidName(reference));
        return;
      }
      if (images.has(image.name) && policy !== 'Always') {
        done({ is: 'present', image, ms: 0 });
        return;
      }
      if (policy === 'Never') {
        const message = `Container image "${reference}" is not present with pull policy of Never`;
        done({ is: 'failed', reason: 'ErrImageNeverPull', message });
        return;
      }
      started();
      const begin = (): void => run(reference, image, done);
      if (cancel === undefined) begin();
      else waiting.push(begin);
    },
    images: () => [...images.values()].reverse(),
    remove: (digest) => {
      for (const image of [...images.values()]) if (image.digest === digest) images.delete(image.name);
      changed();
    },
    stop: () => {
      cancel?.();
      waiting.length = 0;
    },
  };
};

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

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

export type Image = {
  /** Repository with its registry. */
  readonly repository: string;
  /** As the runtime lists it: with tag, or with digest where the reference has one. */
  readonly name: string;
  readonly digest: string;
  readonly size: number;
};

const host = String.raw`(?:[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::\d+)?`;
const part = '[a-z0-9]+(?:[._-]+[a-z0-9]+)*' as const;
const form = new RegExp(
  `^(?<path>(?:${host}/)?${part}(?:/${part})*)(?::(?<tag>\\w[\\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
);

/** A reference in full, as containerd names it; undefined for what is no reference. Its content is made up, but always the same. */
export const imageOf = (reference: string): Image | undefined => {
  const { path, tag, digest } = form.exec(reference)?.groups ?? {};
  if (path === undefined) return undefined;
  const [first = '', ...rest] = path.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  const repository = isHost ? path : rest.length === 0 ? `docker.io/library/${path}` : `docker.io/${path}`;
  const tagged = digest === undefined ? `${repository}:${tag ?? 'latest'}` : `${repository}@${digest}`;
  const content = digest ?? `sha256:${sha(tagged)}`;
  return {
    repository,
    name: tagged,
    digest: content,
    size: 4_096 + (parseInt(sha(content).slice(0, 6), 16) % 90_000_000),
  };
};

/** Between 0 and 1, always the same for the same reference. */
const fraction = (reference: string): number => parseInt(sha(reference).slice(0, 8), 16) / 0xffffffff;

/** How a container ends: its exit code and its termination message. */
export type End = { readonly exitCode: number; readonly message: string };

/** The images of a node, as a container sees and changes them through the node's runtime. */
export type NodeImages = {
  readonly images: () => readonly Image[];
  /** Removes the content with this digest, under all its names. */
  readonly remove: (digest: string) => void;
  readonly users: () => readonly ImageUser[];
};

/** Simulates what a container does, given its spec; undefined for a container that it does not know. */
export type Program = (container: JsonObject, node: NodeImages) => End | undefined;
