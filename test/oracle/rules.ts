import type { Ending } from './ending.ts';
import { budget } from './rules/budget.ts';
import { leftover, removed } from './rules/leftover.ts';
import { presence } from './rules/presence.ts';
import { purged } from './rules/purged.ts';
import { rest } from './rules/rest.ts';
import { untouched } from './rules/untouched.ts';
import { words } from './rules/words.ts';

/** What must hold at the end of every history, read from the cluster alone: the rules know nothing of the product's code. */
export const rules = { presence, words, leftover, removed, untouched, rest, purged, budget } as const;

/** The violations of all rules, a line each. */
export const violations = (ending: Ending): readonly string[] =>
  Object.entries(rules).flatMap(([name, rule]) => rule(ending).map((line) => `${name}: ${line}`));
