import { parseArgs } from 'node:util';
import type { Architecture } from '../images/oci.ts';

export type ReleaseOptions = {
  /** Where images are pushed, as `host[:port][/path]`; the chart is pushed to `charts` below it. */
  readonly registry: string;
  /** Folder for the files of the release page. */
  readonly output: string;
  /** URL of the repository; files are at `/releases/download/vVERSION/FILE` below it. */
  readonly source: string;
  readonly architectures: readonly Architecture[];
  /** Use http for the registry. */
  readonly isInsecure: boolean;
};

const defaultSource = 'https://github.com/imagecache-functions/imagecache-functions';

export const usage = `usage: npm run release -- REGISTRY [--output FOLDER] [--source URL] [--insecure]

Pushes the images for linux/amd64 and linux/arm64 and the chart that names them by digest, and writes the files of the release page to FOLDER (dist/release):
the chart, SBOMs, the kubectl plugin, its krew manifest, notes, checksums, and release.json, which lists what to sign.
REGISTRY   host[:port][/path], such as ghcr.io/me
--source   URL of the repository; default ${defaultSource}
--insecure uses http for the registry
Credentials: REGISTRY_USER and REGISTRY_PASSWORD, or those of docker login; for the chart those of helm registry login. Requires Helm.`;

/** Parses the command line. Throws for invalid options. */
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
  if (registry !== registry.toLowerCase()) throw new Error(`a registry's path must be in lower case, not ${registry}`);
  return {
    registry: registry.replace(/\/+$/, ''),
    output: values.output,
    source: values.source.replace(/\/+$/, ''),
    architectures: ['amd64', 'arm64'],
    isInsecure: values.insecure,
  };
};
