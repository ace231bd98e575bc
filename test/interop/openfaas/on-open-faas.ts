import type { Scenario } from '../../behaviour/scenario.ts';
import { scenarios } from '../../behaviour/scenarios.ts';
import { editing } from '../../behaviour/scenarios/editing.ts';
import { enduring } from '../../behaviour/scenarios/enduring.ts';
import { failing } from '../../behaviour/scenarios/failing.ts';
import { pulling } from '../../behaviour/scenarios/pulling.ts';
import { purging } from '../../behaviour/scenarios/purging.ts';
import { refreshing } from '../../behaviour/scenarios/refreshing.ts';

/** Together these cover every function, and every kind of event but that of a Node, which is delivered like that of a cache. */
const groups = [pulling, failing, editing, refreshing, purging, enduring];

const isOnOpenFaas = (scenario: Scenario): boolean =>
  groups.some((group) => group.includes(scenario)) && scenario.isMeasured !== true && scenario.isClusterWide !== true;

/** Scenarios that run with five processes each: the groups that cover all functions, without those that need the machine or the cluster to themselves. */
export const onOpenFaas: readonly Scenario[] = scenarios.filter(isOnOpenFaas);

/** The other scenarios, which run on other platforms. */
export const notOnOpenFaas: readonly Scenario[] = scenarios.filter((scenario) => !isOnOpenFaas(scenario));
