import { baseline } from './baseline.ts';
import { coldStart } from './cold-start.ts';
import { failing } from './failing.ts';
import { largeImages } from './large-images.ts';
import { manyCaches } from './many-caches.ts';
import { newNode } from './new-node.ts';
import type { Options } from './options.ts';
import { refresh } from './refresh.ts';
import type { BenchName, Found } from './results.ts';
import { rounds } from './rounds.ts';
import { sourceLag } from './source-lag.ts';
import { workloadStorm } from './workload-storm.ts';

/** Every bench by name; each uses its own clusters. */
export const benches: { readonly [Name in BenchName]: (options: Options) => Promise<Found[Name]> } = {
  rounds: ({ sizes, check, timeoutSeconds }) => rounds({ of: sizes, check, timeoutSeconds }),
  baseline: (options) => baseline(options.baseline),
  failing: (options) => failing(options.failing),
  'new-node': (options) => newNode(options.newNode),
  refresh: (options) => refresh(options.refresh),
  'source-lag': (options) => sourceLag(options.churn),
  'cold-start': async ({ runs }) => ({ text: await coldStart(runs) }),
  'large-images': (options) => largeImages(options.large),
  workloads: ({ storm, timeoutSeconds }) => workloadStorm(storm, timeoutSeconds),
  'many-caches': ({ many, timeoutSeconds }) => manyCaches({ sizes: many, timeoutSeconds }),
};
