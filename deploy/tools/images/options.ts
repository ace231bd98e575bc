import { parseArgs } from 'node:util';
import type { Architecture } from './oci.ts';

export type ImageName = 'functions' | 'noop';

export type Options = {
  /** Where to push, as `host[:port][/path]`; what an archive's names begin with. */
  readonly registry: string;
  /** File for an OCI archive; undefined pushes. */
  readonly output: string | undefined;
  readonly only: ImageName | undefined;
  /** Of the functions image; undefined is this machine's own. The no-op is always made for all. */
  readonly architectures: readonly Architecture[] | undefined;
  /** Speak http to a registry that is not on this machine. */
  readonly isInsecure: boolean;
};

export const usage = `usage: npm run images -- REGISTRY [--only functions|noop] [--platform LIST] [--insecure]
       npm run images -- [REGISTRY] --output FILE [--only functions|noop] [--platform LIST]

Builds REGISTRY/imagecache-functions:VERSION and REGISTRY/imagecache-noop:VERSION without Docker and pushes them, or writes both to FILE as an OCI archive.
REGISTRY   host[:port][/path], such as ghcr.io/me; localhost and 127.0.0.1 are spoken to over http
--platform linux/amd64,linux/arm64 makes the functions image for these, not for this machine's only; the no-op is always for both
--insecure speaks http to any other registry
Who we are: REGISTRY_USER and REGISTRY_PASSWORD, or what docker login wrote to its config.json.`;

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

/** Reads the command line; throws what is wrong with it, in words for a person. */
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
