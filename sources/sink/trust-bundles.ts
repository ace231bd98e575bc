import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a SinkBinding mounts the authorities that the cluster trusts for its events. */
const mountedAt = '/knative-custom-certs';

/** All certificates in the files of a folder as one text; '' where there are none, or no folder. */
export function trustBundles(folder = mountedAt): string {
  return filesIn(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8').trim())
    .filter((text) => text.includes('-----BEGIN CERTIFICATE-----'))
    .join('\n');
}

/** Sorted; what begins with `..` is how a mounted volume keeps its versions apart. */
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
