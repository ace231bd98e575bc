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
