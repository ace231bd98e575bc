import type { Logger } from 'pino';
import type { OnUnreadable } from './unreadable.ts';

/** Most objects that are remembered as logged. */
const maxLogged = 1000;

/** Logs each unreadable object once: the same Node is listed many times. */
export function logUnreadable(log: Pick<Logger, 'warn'> | undefined): OnUnreadable {
  const logged = new Set<string>();
  return (unreadable) => {
    const key = JSON.stringify(unreadable);
    if (logged.has(key)) return;
    if (logged.size >= maxLogged) logged.clear();
    logged.add(key);
    log?.warn(unreadable, 'object is invalid: only its metadata is used');
  };
}
