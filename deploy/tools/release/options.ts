import { parseArgs } from 'node:util';
import type { Architecture } from '../images/oci.ts';

export type ReleaseOptions = {
  /** Where images are pushed, as `host[:port][/path]`; the chart goes to `charts` below it. */
  readonly registry: string;
  /** Folder for what goes to the release page. */
  readonly output: string;
  /** The repository's page, where the files can be had at `/releases/download/vVERSION/FILE`. */
  readonly source: string;
  readonly architectures: readonly Architecture[];
  /** Speak http to the registry. */
  readonly isInsecure: boolean;
};

const defaultSource = 'https://github.com/imagecache-functions/imagecache-functions';

export const usage = `usage: npm run release -- REGISTRY [--output FOLDER] [--source URL] [--insecure]

Pushes the images for linux/amd64 and linux/arm64 and the chart that names them by digest, and writes to FOLDER (dist/release) all that goes to the release page:
the chart, bills of materials, the kubectl plugin, its manifest for krew, notes, checksums, and release.json, which says what is to be signed.
REGISTRY   host[:port][/path], such as ghcr.io/me
--source   URL of the repository; ${defaultSource} if nothing else is said
--insecure speaks http to the registry
Who we are: REGISTRY_USER and REGISTRY_PASSWORD, or what docker login wrote; for the chart what helm registry login wrote. Helm is needed.`;

/** Reads the command line; throws what is wrong with it, in words for a person. */
export const readReleaseOptions = (args: readonly string[]): ReleaseOptions => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      output: { type: 'string', default: 'dist/release' },
      source: { type: 'string', default: defaultSource },
      insecure: { type: 'boolean', default: false },
    },
  });
  const [registry, ...others] = positionals;
  if (registry === undefined || others.length > 0) throw new Error('name one registry');
  if (registry !== registry.toLowerCase()) throw new Error(`a registry's path is in lower case, not ${registry}`);
  return {
    registry: registry.replace(/\/+$/, ''),
    output: values.output,
    source: values.source.replace(/\/+$/, ''),
    architectures: ['amd64', 'arm64'],
    isInsecure: values.insecure,
  };
};
