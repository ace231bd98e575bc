import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError } from '#runtime/errors.ts';

/** Reads the PEM of REGISTRY_CA_CERTS. Throws `ConfigError` if it is invalid, which would otherwise show only as TLS errors. */
export function trustedAuthorities(setting: string): string {
  if (setting === '') return '';
  const pem = setting.includes('-----BEGIN') ? setting : contentOf(setting);
  try {
    const certificates = pem.match(certificate) ?? [];
    if (certificates.length === 0) throw new Error('it holds no certificate');
    for (const each of certificates) new X509Certificate(each);
    return pem;
  } catch (cause) {
    throw new ConfigError(`REGISTRY_CA_CERTS is not the PEM of certificates: ${messageOf(cause)}`, { cause });
  }
}

const certificate = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`REGISTRY_CA_CERTS names a file that can not be read: ${messageOf(cause)}`, { cause });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
