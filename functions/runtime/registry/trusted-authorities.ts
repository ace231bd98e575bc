import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from '#runtime/errors.ts';

/** The PEM that REGISTRY_CA_CERTS holds or names; '' for none. Throws `ConfigError` for what is no PEM, as a wrong path would else show only as refused TLS. */
export function trustedAuthorities(setting: string): string {
  if (setting === '') return '';
  const pem = setting.includes('-----BEGIN') ? setting : contentOf(setting);
  try {
    const certificates = pem.match(certificate) ?? [];
    if (certificates.length === 0) throw new Error('it holds no certificate');
    for (const each of certificates) new X509Certificate(each);
    return pem;
  } catch (cause) {
    throw new ConfigError(`REGISTRY_CA_CERTS is not the PEM of certificates: ${wordsOf(cause)}`, { cause });
  }
}

const certificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`REGISTRY_CA_CERTS names a file that can not be read: ${wordsOf(cause)}`, { cause });
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
