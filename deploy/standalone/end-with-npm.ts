/** Milliseconds between two checks. */
const interval = 200;

/**
 * npm starts a shell that starts this process, and sends SIGTERM to that shell only: the end of the shell counts as one SIGTERM,
 * as a second one would end the process before it has stopped. Without npm this does nothing.
 */
export function endWithNpm(): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, interval).unref();
}
