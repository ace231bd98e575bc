import type { Need } from './cluster-under-test.ts';
import type { World } from './world.ts';

/** One behaviour of the product that a user can observe on any cluster. */
export type Scenario = {
  /** A sentence whose subject is the product. */
  readonly name: string;
  readonly needs?: readonly Need[];
  /** The number of nodes in use at once; 1 by default. Skipped on a cluster with fewer. */
  readonly nodes?: number;
  /** The product sees the whole cluster, so no other scenario may share the cluster. */
  readonly isClusterWide?: boolean;
  /** The scenario stops the product or needs its own settings, so it does not share the product with other scenarios. */
  readonly hasProductToItself?: boolean;
  /** The scenario measures a short time, so no others run meanwhile. */
  readonly isMeasured?: boolean;
  /** Takes long, so `npm test` leaves it to `npm run test:all` and to the suites on clusters. */
  readonly isLong?: boolean;
  readonly run: (world: World) => Promise<void>;
};
