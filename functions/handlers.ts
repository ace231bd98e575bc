import type { Handlers } from '#runtime/handler.ts';
import { jobComplete } from './job-complete.ts';
import { purge } from './purge.ts';
import { reconcile } from './reconcile.ts';
import { refresh } from './refresh.ts';

/** The four functions by name. */
export const handlers: Handlers = { reconcile, 'job-complete': jobComplete, refresh, purge };
