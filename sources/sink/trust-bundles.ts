import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a SinkBinding mounts the certificate authorities of the cluster's event receivers. */
const mountedAt = '/knative-custom-certs';

/** All certificates in the files of a folder as one PEM text; '' if there are none, or no folder. */
export function trustBundles(folder = mountedAt): string {
  return filesIn(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8').trim())
    .filter((text) => text.includes('-----BEGIN CERTIFICATE-----'))
    .join('\n');
}

/** Sorted, without the `..` entries in which a mounted volume keeps its versions. */
function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
      .filter((name) => !name.startsWith('..'))
      .toSorted();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
