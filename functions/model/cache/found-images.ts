import type { LabelSelector } from './label-selector.ts';
import type { NodeMatchExpression, Toleration } from './spec-fields.ts';

/** `spec.cacheSpec[].imagesFrom`: the workloads of the cache's namespace whose images a list has besides its own. */
export type ImagesFrom = {
  /** Kinds of workloads, such as Deployment. */
  readonly kinds: readonly string[];
  /** Selects workloads by their labels. */
  readonly selector: LabelSelector;
  /** AsPods: of the nodes of the list, those on which the Pods of the workload may run. */
  readonly nodes: 'Selected' | 'AsPods';
  /** Seconds for which an image stays that no workload names any more. */
  readonly keepSeconds: number;
};

/** The images that workloads named when the latest round opened, and who names them now. */
export type FoundImages = {
  readonly lists: readonly FoundList[];
  /** Secrets that pull Pods name besides those of the spec. */
  readonly pullSecrets: readonly FoundSecret[];
  /** When it was last recorded, in epoch milliseconds; undefined if it never was. */
  readonly recordedAt: number | undefined;
  /** What could not be read, or was too much, as sentences; '' if nothing. */
  readonly problem: string;
};

/** Found images that the same nodes must have. */
export type FoundList = {
  /** Index of the list in `spec.cacheSpec` whose workloads name them, when they were found. */
  readonly list: number;
  /** Identifies that list when an edit has moved it. */
  readonly listHash: string;
  /** undefined: the nodes of that list. */
  readonly pods: FoundPlacement | undefined;
  /** Sorted by image. */
  readonly images: readonly FoundImage[];
};

export type FoundImage = {
  /** As the Pods spell it. */
  readonly image: string;
  /** Some of the workloads that name it, as `Deployment/web`. */
  readonly workloads: readonly string[];
  /** How many name it; 0 while it is only kept. */
  readonly workloadCount: number;
  /** Epoch milliseconds since when none names it; undefined while one does. */
  readonly unnamedSince: number | undefined;
};

export type FoundSecret = { readonly name: string; readonly unnamedSince: number | undefined };

/** Where Pods may run: on nodes that match the node selector and one of the terms, and whose taints are tolerated. */
export type FoundPlacement = {
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** Empty: no required node affinity. */
  readonly terms: readonly (readonly NodeMatchExpression[])[];
  readonly tolerations: readonly Toleration[];
};

export const nothingFound: FoundImages = { lists: [], pullSecrets: [], recordedAt: undefined, problem: '' };
