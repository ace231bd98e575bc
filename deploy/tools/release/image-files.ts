import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { extract } from 'tar-stream';
import * as z from 'zod/mini';
import { sha256, type Architecture, type Blob } from '../images/blob.ts';
import type { Artifact } from '../images/image.ts';

export type ImageFile = { readonly path: string; readonly sha256: string };

/** One image of a name: what a node of that architecture pulls. */
export type PlatformImage = {
  readonly architecture: Architecture;
  readonly digest: string;
  /** What it holds, layer by layer, read from the layers themselves. */
  readonly files: readonly ImageFile[];
};

const manifest = z.object({
  config: z.object({ digest: z.string() }),
  layers: z.array(z.object({ digest: z.string() })),
});
const configuration = z.object({ architecture: z.enum(['amd64', 'arm64']) });

/** The images under one name, for each architecture. */
export const platformImages = async ({ blobs, manifests }: Artifact): Promise<readonly PlatformImage[]> => {
  const byDigest = new Map(blobs.map((blob) => [blob.descriptor.digest, blob]));
  const blobOf = (digest: string): Blob => {
    const blob = byDigest.get(digest);
    if (blob === undefined) throw new Error(`the image lists ${digest}, and does not have it`);
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
