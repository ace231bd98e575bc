import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod/mini';
import type { Component } from './cyclonedx.ts';

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
