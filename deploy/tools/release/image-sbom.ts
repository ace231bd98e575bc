import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { execFile } from 'node:child_process';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { extract } from 'tar-stream';
import * as z from 'zod/mini';
import { type Architecture, type Artifact, type Blob, sha256 } from '../images/oci.ts';
import { type Component, packageComponent } from './sbom.ts';

export type ImageFile = { readonly path: string; readonly sha256: string };

/** The image that a node of one architecture pulls. */
export type PlatformImage = {
  readonly architecture: Architecture;
  readonly digest: string;
  /** Its files, read from its layers. */
  readonly files: readonly ImageFile[];
};

const manifest = z.object({
  config: z.object({ digest: z.string() }),
  layers: z.array(z.object({ digest: z.string() })),
});
const configuration = z.object({ architecture: z.enum(['amd64', 'arm64']) });

/** The images of an index, one per architecture. */
export const platformImages = async ({ blobs, manifests }: Artifact): Promise<readonly PlatformImage[]> => {
  const byDigest = new Map(blobs.map((blob) => [blob.descriptor.digest, blob]));
  const blobOf = (digest: string): Blob => {
    const blob = byDigest.get(digest);
    if (blob === undefined) throw new Error(`the image lists ${digest}, but does not contain it`);
    return blob;
  };
  const images: PlatformImage[] = [];
  for (const { descriptor, bytes } of manifests) {
    const { success, data } = manifest.safeParse(JSON.parse(bytes.toString()));
    if (!success) continue; // the index that names them
    const { architecture } = configuration.parse(JSON.parse(blobOf(data.config.digest).bytes.toString()));
    const layers = await Promise.all(data.layers.map(({ digest }) => filesIn(blobOf(digest))));
    images.push({ architecture, digest: descriptor.digest, files: layers.flat() });
  }
  return images;
};

const filesIn = async ({ bytes }: Blob): Promise<readonly ImageFile[]> => {
  const files: ImageFile[] = [];
  const reader = extract();
  reader.end(gunzipSync(bytes));
  for await (const entry of reader) {
    const content = await buffer(entry);
    if (entry.header.type === 'file')
      files.push({ path: entry.header.name, sha256: sha256(content).replace('sha256:', '') });
  }
  return files;
};

const node = join(import.meta.dirname, '../../../node_modules/node/bin/node');
/** Versions of interfaces rather than components. */
const interfaces = new Set(['modules', 'napi']);
const versions = z.record(z.string(), z.string());

/** Without time or serial number, so that the same image has the same SBOM. */
export type ImageBom = {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.5';
  readonly version: 1;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
};

/** The SBOM of the image for one architecture: every file, and the packages that the files are from. */
export const imageSbom = async (
  { name, version }: { readonly name: string; readonly version: string },
  { architecture, digest, files }: PlatformImage,
  bundled: readonly Component[],
): Promise<ImageBom> => {
  const hasNode = files.some(({ path }) => path === 'bin/node');
  const parts = hasNode ? [...(await nodeParts()), ...bundled] : [];
  const purl = `pkg:oci/${name}@${encodeURIComponent(digest)}?arch=${architecture}`;
  const properties = [{ name: 'oci:image:architecture', value: architecture }];
  return {
    ...{ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1 },
    metadata: { component: { type: 'container', 'bom-ref': purl, name, version, purl, properties } },
    components: [...parts, ...(await libraryPackages(files)), ...files.map(fileComponent)],
  };
};

const fileComponent = ({ path, sha256: content }: ImageFile): Component => ({
  ...{ type: 'file', 'bom-ref': `file:${path}`, name: path, hashes: [{ alg: 'SHA-256', content }] },
});

/** Node and the libraries compiled into it, as it reports them; the same for every architecture. */
const nodeParts = async (): Promise<readonly Component[]> => {
  const { stdout } = await promisify(execFile)(node, ['-p', 'JSON.stringify(process.versions)']);
  return Object.entries(versions.parse(JSON.parse(stdout)))
    .filter(([name, version]) => version !== '' && !interfaces.has(name))
    .map(([name, version]) => packageComponent(`pkg:generic/${name}@${encodeURIComponent(version)}`, name, version));
};

const exec = promisify(execFile);
const isLibrary = ({ path }: ImageFile): boolean => /(^|\/)lib(64)?\//.test(path) && /\.so(\.|$)/.test(path);

/** The paths that a library of an image can be from on the build machine: its own, or that of a package for cross compilation. */
const origins = ({ path }: ImageFile): readonly string[] => [
  join('/', path),
  ...['aarch64-linux-gnu', 'x86_64-linux-gnu'].map((triplet) => join('/usr', triplet, 'lib', basename(path))),
];

/** The Debian packages of the shared libraries, found by the same bytes on the build machine; none on other distributions. */
const libraryPackages = async (files: readonly ImageFile[]): Promise<readonly Component[]> => {
  const found = await Promise.all(files.filter(isLibrary).map(packageOf));
  const byPurl = new Map(found.flatMap((each) => (each === undefined ? [] : [[each['bom-ref'], each] as const])));
  return [...byPurl.values()].toSorted((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
};

const packageOf = async (file: ImageFile): Promise<Component | undefined> => {
  for (const origin of origins(file)) {
    if (!existsSync(origin) || sha256(await readFile(origin)) !== `sha256:${file.sha256}`) continue;
    const owner = await ownerOf(origin);
    if (owner !== undefined) return owner;
  }
  return undefined;
};

/** dpkg finds a file by its path in the package: /usr/lib/… or, in older packages, /lib/…. */
const ownerOf = async (path: string): Promise<Component | undefined> => {
  const real = await realpath(path);
  for (const each of new Set([path, real, real.replace(/^\/usr/, ''), join('/usr', path)])) {
    const { stdout } = await exec('dpkg-query', ['--search', each]).catch(() => ({ stdout: '' }));
    const owner = /^([^,\s]+): /.exec(stdout)?.[1];
    if (owner !== undefined) return described(owner);
  }
  return undefined;
};

const described = async (owner: string): Promise<Component> => {
  const format = '${Package} ${Version} ${Architecture}';
  const { stdout } = await exec('dpkg-query', ['--show', `--showformat=${format}`, owner]);
  const [name = '', version = '', architecture = ''] = stdout.split(' ');
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}`;
  return packageComponent(purl, name, version);
};
