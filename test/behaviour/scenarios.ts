import type { Scenario } from './scenario.ts';
import { adopting } from './scenarios/adopting.ts';
import { drifting } from './scenarios/drifting.ts';
import { editing } from './scenarios/editing.ts';
import { enduring } from './scenarios/enduring.ts';
import { failing } from './scenarios/failing.ts';
import { gating } from './scenarios/gating.ts';
import { kubectl } from './scenarios/kubectl.ts';
import { nodes } from './scenarios/nodes.ts';
import { pods } from './scenarios/pods.ts';
import { pulling } from './scenarios/pulling.ts';
import { purging } from './scenarios/purging.ts';
import { refreshing } from './scenarios/refreshing.ts';

/** All scenarios of the product's behaviour, for every kind of cluster. */
export const scenarios: readonly Scenario[] = [
  ...pulling,
  ...failing,
  ...editing,
  ...nodes,
  ...gating,
  ...adopting,
  ...refreshing,
  ...drifting,
  ...purging,
  ...enduring,
  ...pods,
  ...kubectl,
];
