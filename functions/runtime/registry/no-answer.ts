/** A registry, mirror or token server gave no usable answer. The message is one sentence that names the host. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** Milliseconds until a retry may succeed; undefined if unknown. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

/** A server answered that it is asked too often: 429. */
export class Throttled extends NoAnswer {
  /** The milliseconds that it named; undefined if it named none. */
  readonly requestedMs: number | undefined;
  constructor(message: string, retryAfterMs: number, requestedMs: number | undefined) {
    super(message, retryAfterMs);
    this.requestedMs = requestedMs;
  }
}

/** A login, or an anonymous request, was denied; another login may be accepted. */
export class Denied extends Error {
  override readonly name = 'Denied';
}

/** Untrusted text for a status or log line: printable ASCII, on one line, truncated. */
export function printable(text: string, maxLength = 200): string {
  return text
    .slice(0, maxLength * 4)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .replace(/ {2,}/g, ' ')
    .trim()
    .slice(0, maxLength);
}

const untrusted = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** Why a connection failed, with the setting to change if the operator can fix it. */
export function failureWords(error: unknown): string {
  if (!(error instanceof Error)) return 'no reason is known';
  const code = 'code' in error ? String(error.code) : '';
  if (untrusted.includes(code)) return 'its certificate is of no trusted authority: REGISTRY_CA_CERTS can name one';
  // A refused connection to a name with several addresses has an error code but no message.
  return error.message || code || error.name;
}
