import { setFlagsFromString } from 'node:v8';

/** By how many hundredths the heap may grow between two full clean-ups. V8's own choice is about 50. */
const mostGrowth = 20;

/**
 * For a process that holds a picture of the whole cluster: beside it, what thousands of Nodes and Pods are read from is garbage at once.
 * Cleaning up sooner costs some processor time while there is much to do, and holds the peak near to what is really kept.
 * V8 reads this flag at each clean-up, so it takes effect here too; in NODE_OPTIONS it is not allowed.
 */
export const keepHeapSmall = (): void => {
  setFlagsFromString(`--heap-growing-percent=${mostGrowth}`);
};
