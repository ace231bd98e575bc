import { parseArgs } from 'node:util';
import type { Architecture } from './oci.ts';

export type ImageName = 'functions' | 'noop';

export type Options = {
  /** Where to push, as `host[:port][/path]`; the prefix of the references in an archive. */
  readonly registry: string;
  /** File for an OCI archive; undefined pushes. */
  readonly output: string | undefined;
  readonly only: ImageName | undefined;
  /** Of the functions image; undefined is this machine's. The noop image always has all. */
  readonly architectures: readonly Architecture[] | undefined;
  /** Use http for a registry that is not on this machine. */
  readonly isInsecure: boolean;
};

export const usage = `usage: npm run images -- REGISTRY [--only functions|noop] [--platform LIST] [--insecure]
       npm run images -- [REGISTRY] --output FILE [--only functions|noop] [--platform LIST]

Builds REGISTRY/imagecache-functions:VERSION and REGISTRY/imagecache-noop:VERSION without Docker and pushes them, or writes both to FILE as an OCI archive.
REGISTRY   host[:port][/path], such as ghcr.io/me; localhost and 127.0.0.1 are accessed over http
--platform linux/amd64,linux/arm64 builds the functions image for these instead of this machine's; the noop image is always for both
--insecure uses http for any other registry
Credentials: REGISTRY_USER and REGISTRY_PASSWORD, or those that docker login stored in its config.json.`;

const isImageName = (name: string): name is ImageName => name === 'functions' || name === 'noop';

const onlyOf = (name: string | undefined): ImageName | undefined => {
  if (name === undefined || isImageName(name)) return name;
  throw new Error(`--only takes functions or noop, not ${name}`);
};

const architecturesOf = (list: string | undefined): readonly Architecture[] | undefined =>
  list?.split(',').map((platform) => {
    if (platform === 'linux/amd64') return 'amd64';
    if (platform === 'linux/arm64') return 'arm64';
    throw new Error(`--platform takes linux/amd64, linux/arm64 or both with a comma between them, not ${platform}`);
  });

/** Parses the command line. Throws for invalid options. */
export const readOptions = (args: readonly string[]): Options => {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      output: { type: 'string' },
      only: { type: 'string' },
      platform: { type: 'string' },
      insecure: { type: 'boolean', default: false },
    },
  });
  const [registry, ...others] = positionals;
  if (others.length > 0) throw new Error(`one registry at a time, not also ${others.join(' ')}`);
  if (registry === undefined && values.output === undefined) throw new Error('name a registry, or a file by --output');
  if (registry?.includes('://') === true)
    throw new Error(`a registry is host[:port][/path], without ${registry.split('//', 1)[0] ?? ''}//`);
  return {
    registry: registry?.replace(/\/+$/, '') ?? 'localhost',
    output: values.output,
    only: onlyOf(values.only),
    architectures: architecturesOf(values.platform),
    isInsecure: values.insecure,
  };
};
