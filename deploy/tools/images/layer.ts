import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { blobOf, mediaTypes, sha256, type Blob } from './blob.ts';
import { tar, type Entry } from './tar.ts';

/** A layer: its compressed bytes, and the digest of what they unpack to, which the image's configuration names. */
export type Layer = { readonly blob: Blob; readonly diffId: string };

const operatingSystemByte = 9;
const unknownOperatingSystem = 255;

/** Compresses without a time and without the name of the system that did it, so that the same files make the same digest anywhere. */
const compress = async (bytes: Buffer): Promise<Buffer> => {
  const compressed = await promisify(gzip)(bytes, { level: 9 });
  compressed.writeUInt8(unknownOperatingSystem, operatingSystemByte);
  return compressed;
};

export const layer = async (entries: readonly Entry[]): Promise<Layer> => {
  const unpacked = await tar(entries);
  return { blob: blobOf(mediaTypes.layer, await compress(unpacked)), diffId: sha256(unpacked) };
};
