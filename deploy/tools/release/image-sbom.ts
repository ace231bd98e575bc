import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod/mini';
import { bom, fileComponent, packageComponent, type Bom, type Component } from './cyclonedx.ts';
import type { PlatformImage } from './image-files.ts';
import { libraryPackages } from './library-packages.ts';

const node = join(import.meta.dirname, '../../../node_modules/node/bin/node');
/** Numbers of interfaces, not of parts. */
const interfaces = new Set(['modules', 'napi']);
const versions = z.record(z.string(), z.string());

/** What one image of one architecture holds: every file, and the packages that these are made of. */
export const imageSbom = async (
  { name, version }: { readonly name: string; readonly version: string },
  { architecture, digest, files }: PlatformImage,
  bundled: readonly Component[],
): Promise<Bom> => {
  const hasNode = files.some(({ path }) => path === 'bin/node');
  const parts = hasNode ? [...(await nodeParts()), ...bundled] : [];
  const purl = `pkg:oci/${name}@${encodeURIComponent(digest)}?arch=${architecture}`;
  const properties = [{ name: 'oci:image:architecture', value: architecture }];
  return bom({ type: 'container', 'bom-ref': purl, name, version, purl, properties }, [
    ...parts,
    ...(await libraryPackages(files)),
    ...files.map(({ path, sha256 }) => fileComponent(path, sha256)),
  ]);
};

/** Node and what is compiled into it, by its own word. The same release for every architecture. */
const nodeParts = async (): Promise<readonly Component[]> => {
  const { stdout } = await promisify(execFile)(node, ['-p', 'JSON.stringify(process.versions)']);
  return Object.entries(versions.parse(JSON.parse(stdout)))
    .filter(([name, version]) => version !== '' && !interfaces.has(name))
    .map(([name, version]) => packageComponent(`pkg:generic/${name}@${encodeURIComponent(version)}`, name, version));
};
