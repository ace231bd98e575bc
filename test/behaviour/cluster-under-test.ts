import type { Result } from '../cluster/run.ts';
import type { Product } from './product.ts';
import type { Kube } from './kube.ts';

/** Optional features that a scenario may require; it is reported as skipped on clusters without them. */
export const needs = {
  kubectl: 'a kubectl on the PATH',
  'simulated nodes': 'nodes that can be added, broken and removed',
  'slow images': 'images that are slow or never arrive',
  'parallel pulls': 'nodes that pull several images at once',
  'image volumes': 'an API server and nodes that support image volumes',
} as const;
export type Need = keyof typeof needs;

/** How the pull of an image behaves. */
export type ImageKind = 'good' | 'missing' | 'denied' | 'slow' | 'hang';

/** Properties of a kind of cluster that are known before one is started. */
export type ClusterKind = {
  readonly name: string;
  readonly has: ReadonlySet<Need>;
  /** The number of scenarios that can run at once. */
  readonly atOnce: number;
  /** The number of nodes that a scenario can use. */
  readonly nodes: number;
  /** Whether a cluster starts at once, so that a scenario that needs a whole cluster or product has one of its own. */
  readonly isStartedAtOnce: boolean;
  /** Whether one product, which sees the whole cluster, serves all scenarios that can share it. By default each scenario starts its own. */
  readonly hasOneProduct?: boolean;
  /** By how much timeouts are multiplied. Default 1. */
  readonly timeFactor?: number;
  /** Milliseconds that a function may take to start again after it was scaled to zero. Default 0: functions always run. */
  readonly functionStart?: number;
};

/** Everything that differs between clusters. */
export type ClusterUnderTest = {
  readonly kubeconfig: string;
  /** URL at which this process reaches the API server if it is not the kubeconfig's; else ''. */
  readonly master: string;
  /** Settings that the product needs on this cluster, such as its no-op image. */
  readonly env: Readonly<Record<string, string>>;
  /** Starts the product; by default that is the program of its image. */
  readonly program?: string;
  /** The product that is installed in the cluster and sees all of it; each scenario requests it once. By default it is a process of the scenario. */
  readonly installed?: { readonly product: () => Product; readonly namespace: string };
  readonly kubectl: (...args: readonly string[]) => Promise<Result>;
  /** A reference to an image with this behaviour; the same name is the same image. */
  readonly image: (kind: ImageKind, name: string) => Promise<string>;
  /** Adds a node of this name, or a substitute, with a scenario's labels; resolves with its real name when it is Ready. */
  readonly lendNode: (kube: Kube, name: string, labels: Readonly<Record<string, string>>) => Promise<string>;
  readonly returnNode: (kube: Kube, name: string) => Promise<void>;
  /** Images in the node's runtime, if it can be queried. */
  readonly imagesOn: ((node: string) => Promise<readonly string[]>) | undefined;
  /** Stops a cluster that was started for one scenario. */
  readonly stop?: () => Promise<void>;
};
