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

const untrusted = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** Why a connection failed, and what to do about it where the operator can act: Node's own advice is for whoever starts Node. */
export function failureWords(error: unknown): string {
  if (!(error instanceof Error)) return 'no reason is known';
  const code = 'code' in error ? String(error.code) : '';
  if (untrusted.includes(code)) return 'its certificate is of no trusted authority: REGISTRY_CA_CERTS can name one';
  // A refused connection to a name with several addresses comes as an error without words but with a code.
  return error.message || code || error.name;
}
