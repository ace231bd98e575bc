/** Milliseconds between two looks. */
const beat = 200;

/**
 * npm starts a shell that starts this process, and passes SIGTERM on to that shell alone: its end is taken for the signal.
 * Without npm this does nothing.
 */
export function endWithNpm(): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const shell = process.ppid;
  setInterval(() => {
    if (process.ppid !== shell) process.kill(process.pid, 'SIGTERM');
  }, beat).unref();
}
