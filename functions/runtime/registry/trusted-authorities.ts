import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../errors.ts';

/** The PEM that REGISTRY_CA_CERTS holds or names; '' for none. Throws `ConfigError` for what is no PEM, as a wrong path would else show only as refused TLS. */
export function trustedAuthorities(setting: string): string {
  if (setting === '') return '';
  const pem = setting.includes('-----BEGIN') ? setting : contentOf(setting);
  try {
    if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no certificate');
    createSecureContext({ ca: pem });
    return pem;
  } catch (cause) {
    throw new ConfigError(`REGISTRY_CA_CERTS is not the PEM of certificates: ${wordsOf(cause)}`, { cause });
  }
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`REGISTRY_CA_CERTS names a file that can not be read: ${wordsOf(cause)}`, { cause });
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
