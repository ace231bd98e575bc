import type { Result } from '../cluster/run.ts';
import type { Product } from './product.ts';
import type { Kube } from './kube.ts';

/** What a scenario may ask for beyond what every cluster has; one that a cluster lacks is skipped there, visibly. */
export const needs = {
  kubectl: 'a kubectl on the PATH',
  'simulated nodes': 'nodes that can be added, broken and removed at will',
  'slow images': 'images that take long, or never come',
  'image volumes': 'an API server and nodes that know image volumes',
} as const;
export type Need = keyof typeof needs;

/** How an image behaves when it is pulled. */
export type ImageKind = 'good' | 'missing' | 'denied' | 'slow' | 'hang';

/** What is known of a kind of cluster before one is up. */
export type ClusterKind = {
  readonly name: string;
  readonly has: ReadonlySet<Need>;
  /** How many scenarios it bears at once. */
  readonly atOnce: number;
  /** How many nodes a scenario can have. */
  readonly nodes: number;
  /** Whether it takes no time to start one, so that whoever needs a whole one gets it. */
  readonly isStartedAtOnce: boolean;
  /** Whether one product serves all scenarios, and sees the whole cluster anyway. Default no: each starts its own. */
  readonly hasOneProduct?: boolean;
  /** How many times longer everything may take than beside a process of our own. Default 1. */
  readonly timeFactor?: number;
};

/** Everything that differs from one cluster to another. */
export type ClusterUnderTest = {
  readonly kubeconfig: string;
  /** URL by which this process reaches the API server, where that is not the kubeconfig's; else ''. */
  readonly master: string;
  /** Settings that the product needs here, such as where its no-op image is. */
  readonly env: Readonly<Record<string, string>>;
  /** The product's program, where it is not to be run from its sources. */
  readonly program: string | undefined;
  /** The product where it is installed in the cluster, in a namespace of its own, and sees all of it; each scenario asks for it once. Without it, it is a process of the scenario's. */
  readonly installed?: { readonly product: () => Product; readonly namespace: string };
  readonly kubectl: (...args: readonly string[]) => Promise<Result>;
  /** A reference to an image that behaves so; the same name is the same image. */
  readonly image: (kind: ImageKind, name: string) => Promise<string>;
  /** Puts a node of this name, or one in its place, under a scenario's labels; answers with its real name when it is Ready. */
  readonly lendNode: (kube: Kube, name: string, labels: Readonly<Record<string, string>>) => Promise<string>;
  readonly returnNode: (kube: Kube, name: string) => Promise<void>;
  /** Images that the node's runtime has, where it can be asked. */
  readonly imagesOn: ((node: string) => Promise<readonly string[]>) | undefined;
};
