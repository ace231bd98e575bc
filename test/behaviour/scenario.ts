import type { Need } from './cluster-under-test.ts';
import type { World } from './world.ts';

/** One thing that a user can see the product do, on whatever cluster. */
export type Scenario = {
  /** A sentence of which the product is the subject. */
  readonly name: string;
  readonly needs?: readonly Need[];
  /** How many nodes it uses at once; 1 by default. A cluster with fewer skips it. */
  readonly nodes?: number;
  /** The product sees the whole cluster, so no other scenario shares that with it. */
  readonly isClusterWide?: boolean;
  /** It looks at what becomes of things while nothing runs, or has settings of its own: where one product serves many scenarios, no other has it meanwhile. */
  readonly hasProductToItself?: boolean;
  /** A short time is measured: nothing else of the suite shall take it. */
  readonly isMeasured?: boolean;
  /** The product's log is allowed to tell of errors. */
  readonly mayComplain?: boolean;
  readonly run: (world: World) => Promise<void>;
};
