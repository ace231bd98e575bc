import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod/mini';
import { build } from 'esbuild';
import { programs } from '../images/bundle.ts';

/** The part of CycloneDX 1.5 that we write; https://cyclonedx.org/docs/1.5/json/ */
export type Component = {
  readonly type: 'application' | 'container' | 'file' | 'library';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly hashes?: readonly { readonly alg: 'SHA-256'; readonly content: string }[];
  readonly licenses?: readonly unknown[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
};

export type Bom = {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.5';
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
};

/** A bill of materials without time or serial number: the same things make the same text. */
export const bom = (component: Component, components: readonly Component[]): Bom => ({
  bomFormat: 'CycloneDX',
  specVersion: '1.5',
  version: 1,
  metadata: { component },
  components,
});

/** A package by its package URL, https://github.com/package-url/purl-spec, which is also what it is referred to by. */
export const packageComponent = (purl: string, name: string, version: string): Component => ({
  type: 'library',
  'bom-ref': purl,
  name,
  version,
  purl,
});

/** A file by its path in an image. `sha256` in hexadecimal digits. */
export const fileComponent = (path: string, sha256: string): Component => ({
  type: 'file',
  'bom-ref': `file:${path}`,
  name: path,
  hashes: [{ alg: 'SHA-256', content: sha256 }],
});

const npmBom = z.looseObject({
  components: z.array(
    z.looseObject({
      'bom-ref': z.string(),
      name: z.string(),
      version: z.string(),
      purl: z.string(),
      licenses: z.optional(z.array(z.unknown())),
    }),
  ),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.optional(z.array(z.string())) })),
});

const lockFile = z.object({
  packages: z.record(z.string(), z.object({ version: z.optional(z.string()), dev: z.optional(z.boolean()) })),
});

export type NpmBom = z.infer<typeof npmBom>;

/**
 * npm's own bill of materials (CycloneDX) of what runs in production, by package-lock.json.
 * npm is asked for all and the rest is left out here: its --omit=dev also leaves out what both production and development depend on.
 */
export const npmSbom = async (root: string): Promise<NpmBom> => {
  const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'];
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root, maxBuffer: 2 ** 26 });
  const all = npmBom.parse(JSON.parse(stdout));
  const inProduction = await productionPackages(root);
  const components = all.components.filter(({ name, version }) => inProduction.has(`${name}@${version}`));
  const left = new Set(all.components.filter((each) => !components.includes(each)).map((each) => each['bom-ref']));
  const dependencies = all.dependencies
    .filter(({ ref }) => !left.has(ref))
    .map((each) => ({ ...each, dependsOn: (each.dependsOn ?? []).filter((ref) => !left.has(ref)) }));
  return { ...all, components, dependencies };
};

/** `name@version` of every locked package that is not for development only. */
const productionPackages = async (root: string): Promise<ReadonlySet<string>> => {
  const { packages } = lockFile.parse(JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')));
  const locked = Object.entries(packages).filter(([path, { dev }]) => path !== '' && dev !== true);
  return new Set(locked.map(([path, { version = '' }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`));
};

/** A package of npm's bill, as it stands in one of ours. */
export const npmComponent = ({ name, version, purl, licenses = [] }: NpmBom['components'][number]): Component => ({
  type: 'library',
  'bom-ref': purl,
  name,
  version,
  purl,
  licenses,
});

const root = join(import.meta.dirname, '../../..');
const manifest = z.object({ name: z.string(), version: z.string() });

/** `name@version` of every npm package of which code can have gone into the programs of the functions image; sorted. */
export const bundledPackages = async (
  entryPoints: Readonly<Record<string, string>> = programs,
): Promise<readonly string[]> => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'app',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  });
  const folders = new Set(Object.keys(metafile.inputs).flatMap((path) => packageFolder(path) ?? []));
  const names = await Promise.all([...folders].map(nameAndVersion));
  return [...new Set(names)].toSorted();
};

/** The innermost package's folder: `node_modules/a/node_modules/@b/c/lib/d.js` is of `node_modules/a/node_modules/@b/c`. */
const packageFolder = (path: string): string | undefined =>
  /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];

const nameAndVersion = async (folder: string): Promise<string> => {
  const { name, version } = manifest.parse(JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8')));
  return `${name}@${version}`;
};
