import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { extract } from 'tar-stream';
import * as z from 'zod/mini';
import { type Architecture, type Artifact, type Blob, sha256 } from '../images/oci.ts';
import { type Input, inputsFor } from '../images/runtime/inputs.ts';
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

/** What an image is built from besides the files of this repository; none for one without Node. */
export const inputsOf = async (image: Pick<PlatformImage, 'architecture' | 'files'>): Promise<readonly Input[]> =>
  image.files.some(({ path }) => path === 'bin/node') ? inputsFor(image.architecture) : [];

/** The SBOM of the image for one architecture: every file, and the packages that the files are from. */
export const imageSbom = async (
  { name, version }: { readonly name: string; readonly version: string },
  { architecture, digest, files }: PlatformImage,
  bundled: readonly Component[],
): Promise<ImageBom> => {
  const inputs = await inputsOf({ architecture, files });
  const parts = inputs.length > 0 ? [...(await nodeParts()), ...bundled, ...inputs.map(inputComponent)] : [];
  const purl = `pkg:oci/${name}@${encodeURIComponent(digest)}?arch=${architecture}`;
  const properties = [{ name: 'oci:image:architecture', value: architecture }];
  return {
    ...{ bomFormat: 'CycloneDX', specVersion: '1.5', version: 1 },
    metadata: { component: { type: 'container', 'bom-ref': purl, name, version, purl, properties } },
    components: [...parts, ...files.map(fileComponent)],
  };
};

const inputComponent = ({ purl, package: name, version, sha256: content }: Input): Component => ({
  ...packageComponent(purl, name, version),
  hashes: [{ alg: 'SHA-256', content }],
});

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
