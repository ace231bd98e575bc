import * as z from 'zod/mini';
import type { LabelSelector } from './label-selector.ts';
import { type Decoded, always, list, map, number, optional, record, required, storedAs, text, time } from './codec.ts';
import { nodeMatchExpressions, toleration } from './schema-fields.ts';
import type { NodeMatchExpression } from './spec-fields.ts';

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

/** A term of a required node affinity, without its wrapper. */
const nodeSelectorTerm = {
  schema: z.pipe(
    z.object({ matchExpressions: nodeMatchExpressions }),
    z.transform(({ matchExpressions }): readonly NodeMatchExpression[] => matchExpressions),
  ),
  write: (matchExpressions: readonly NodeMatchExpression[]) => ({ matchExpressions }),
};

/** Where Pods may run: on nodes that match the node selector and one of the terms, and whose taints are tolerated. */
const foundPlacement = record({
  nodeSelector: always(map(required(z.string()))),
  /** Empty: no required node affinity. */
  terms: storedAs('nodeSelectorTerms', always(list(nodeSelectorTerm))),
  tolerations: always(list(required(toleration))),
});
export type FoundPlacement = Decoded<typeof foundPlacement>;

const foundImage = record({
  /** As the Pods spell it. */
  image: required(z.string()),
  /** Some of the workloads that name it, as `Deployment/web`. */
  workloads: always(list(required(z.string()))),
  /** How many name it; 0 while it is only kept. */
  workloadCount: number,
  /** Since when none names it; undefined while one does. */
  unnamedSince: time,
});
export type FoundImage = Decoded<typeof foundImage>;

/** Found images that the same nodes must have. */
const foundList = record({
  /** Index of the list in `spec.cacheSpec` whose workloads name them, when they were found. */
  list: required(z.number()),
  /** Identifies that list when an edit has moved it. */
  listHash: text,
  /** undefined: the nodes of that list. */
  pods: storedAs('placement', optional(foundPlacement)),
  /** Sorted by image. */
  images: always(list(foundImage)),
});
export type FoundList = Decoded<typeof foundList>;

const foundSecret = record({ name: required(z.string()), unnamedSince: time });
export type FoundSecret = Decoded<typeof foundSecret>;

/** The images that workloads named when the latest round opened, and who names them now. */
export const foundImages = record({
  lists: always(list(foundList)),
  /** Secrets that pull Pods name besides those of the spec. */
  pullSecrets: storedAs('imagePullSecrets', list(foundSecret)),
  /** When it was last recorded; undefined if it never was. */
  recordedAt: storedAs('recordedTime', time),
  /** What could not be read, or was too much, as sentences; '' if nothing. */
  problem: text,
});
export type FoundImages = Decoded<typeof foundImages>;

export const nothingFound: FoundImages = foundImages.schema.parse({});
