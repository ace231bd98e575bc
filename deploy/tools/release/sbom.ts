import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import * as z from 'zod/mini';
import { programs } from '../images/bundle.ts';

const root = join(import.meta.dirname, '../../..');

/** A component of a CycloneDX 1.5 document, as far as we write it; https://cyclonedx.org/docs/1.5/json/ */
export type Component = {
  readonly type: 'container' | 'file' | 'library';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly hashes?: readonly { readonly alg: 'SHA-256'; readonly content: string }[];
  readonly licenses?: readonly unknown[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
};

/** A package by its package URL, https://github.com/package-url/purl-spec */
export const packageComponent = (purl: string, name: string, version: string): Component => ({
  ...{ type: 'library', 'bom-ref': purl, name, version, purl },
});

const npmComponent = z.looseObject({
  name: z.string(),
  version: z.string(),
  purl: z.string(),
  licenses: z.optional(z.array(z.unknown())),
});
const npmBom = z.looseObject({
  components: z.array(npmComponent),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.optional(z.array(z.string())) })),
});
export type NpmBom = z.infer<typeof npmBom>;

const dependencies = z.record(z.string(), z.string());
const manifest = z.looseObject({ name: z.string(), version: z.string(), dependencies: z.optional(dependencies) });
const lockFile = z.looseObject({
  packages: z.record(z.string(), z.looseObject({ dev: z.optional(z.boolean()), link: z.optional(z.boolean()) })),
});
const readJson = async (path: string): Promise<unknown> => JSON.parse(await readFile(join(root, path), 'utf8'));

/**
 * npm's own SBOM (CycloneDX) of the production dependencies in package-lock.json. Development dependencies are removed
 * from the lock file first, because `npm sbom --omit=dev` also omits what production shares with development. The
 * simulator, a workspace, is replaced by its dependencies, because npm would omit them with it.
 */
export async function npmSbom(): Promise<NpmBom> {
  const product = manifest.parse(await readJson('package.json'));
  const simulator = manifest.parse(await readJson('deploy/simulator/package.json'));
  const own = Object.entries(product.dependencies ?? {}).filter(([name]) => name !== simulator.name);
  const production = {
    ...{ ...product, devDependencies: undefined, workspaces: undefined },
    dependencies: { ...simulator.dependencies, ...Object.fromEntries(own) },
  };
  const lock = lockFile.parse(await readJson('package-lock.json'));
  const locked = Object.entries(lock.packages).filter(
    ([path, { dev, link }]) => path.startsWith('node_modules/') && dev !== true && link !== true,
  );
  const packages = { '': production, ...Object.fromEntries(locked) };
  const folder = await mkdtemp(join(tmpdir(), 'imagecache-sbom-'));
  const cwd = join(folder, production.name); // npm names the SBOM after the folder
  try {
    await mkdir(cwd);
    await writeFile(join(cwd, 'package.json'), JSON.stringify(production));
    await writeFile(join(cwd, 'package-lock.json'), JSON.stringify({ ...lock, packages }));
    const args = ['sbom', '--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'];
    const { stdout } = await promisify(execFile)('npm', args, { cwd, maxBuffer: 2 ** 26 });
    return npmBom.parse(JSON.parse(stdout));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Those components of npm's SBOM that code in the functions image can be from. */
export async function bundledComponents({ components }: NpmBom): Promise<readonly Component[]> {
  const bundled = new Set(await bundledPackages());
  return components
    .filter(({ name, version }) => bundled.has(`${name}@${version}`))
    .map(({ name, version, purl, licenses = [] }) => ({ ...packageComponent(purl, name, version), licenses }));
}

/** `name@version` of every npm package that code in the functions image can be from. */
export async function bundledPackages(): Promise<readonly string[]> {
  const { metafile } = await build({
    ...{ absWorkingDir: root, entryPoints: programs, outdir: 'app' },
    ...{ bundle: true, splitting: true, write: false, metafile: true, format: 'esm', platform: 'node' },
    logLevel: 'error',
  });
  const folders = new Set(Object.keys(metafile.inputs).flatMap((path) => packageFolder(path) ?? []));
  const names = [...folders].map(async (folder) => {
    const { name, version } = manifest.parse(await readJson(join(folder, 'package.json')));
    return `${name}@${version}`;
  });
  return [...new Set(await Promise.all(names))].toSorted();
}

/** The folder of the innermost package: node_modules/a/node_modules/@b/c for node_modules/a/node_modules/@b/c/lib/d.js. */
const packageFolder = (path: string): string | undefined =>
  /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0];
