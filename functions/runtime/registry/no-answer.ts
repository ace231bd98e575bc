/** A registry, mirror or token server that does not say what was asked: nothing is known then. The message is one sentence and names the host. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** Milliseconds until it is worth asking again; undefined where nothing tells. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** A login, or having none, was refused: another login may do. */
export class Denied extends Error {
  override readonly name = 'Denied';
}

/** What a stranger wrote, fit for a status or a log line: printable, on one line, at most 200 characters unless told otherwise. */
export function printable(text: string, most = 200): string {
  return text
    .slice(0, most * 4)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, most);
}
