import { auth } from './auth.ts';
import { check } from './check/check.ts';
import type { Command } from './command.ts';
import { explain } from './explain/explain.ts';
import { migrate } from './migrate/migrate.ts';
import { plan } from './plan/plan.ts';
import { status } from './status/status.ts';
import { purge, refresh } from './requests.ts';
import { wait } from './wait/wait.ts';

/** All commands, in the order of the help. */
export const commands: Readonly<Record<string, Command>> = {
  ...{ status, explain, plan, check, auth },
  ...{ wait, refresh, purge, migrate },
};
