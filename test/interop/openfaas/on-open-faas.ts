import type { Scenario } from '../../behaviour/scenario.ts';
import { scenarios } from '../../behaviour/scenarios.ts';
import { editing } from '../../behaviour/scenarios/editing.ts';
import { enduring } from '../../behaviour/scenarios/enduring.ts';
import { failing } from '../../behaviour/scenarios/failing.ts';
import { pulling } from '../../behaviour/scenarios/pulling.ts';
import { purging } from '../../behaviour/scenarios/purging.ts';
import { refreshing } from '../../behaviour/scenarios/refreshing.ts';

/** Between them these have every function, and every kind of event but a Node's, which goes the way of a cache's. */
const groups = [pulling, failing, editing, refreshing, purging, enduring];

const isOnOpenFaas = (scenario: Scenario): boolean =>
  groups.some((group) => group.includes(scenario)) && scenario.isMeasured !== true && scenario.isClusterWide !== true;

/** The scenarios for five processes each: whole groups that have all functions at work, without those that need the machine or the cluster for themselves. */
export const onOpenFaas: readonly Scenario[] = scenarios.filter(isOnOpenFaas);

/** The rest of the suite, which is for the other platforms. */
export const notOnOpenFaas: readonly Scenario[] = scenarios.filter((scenario) => !isOnOpenFaas(scenario));
