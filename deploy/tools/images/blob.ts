import { createHash } from 'node:crypto';

/** How OCI names content: by type, digest and size; with a platform or a name where an index lists it. */
export type Descriptor = {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: Architecture; readonly os: 'linux' };
  readonly annotations?: Readonly<Record<string, string>>;
};

export type Blob = { readonly descriptor: Descriptor; readonly bytes: Buffer };

export type Architecture = 'amd64' | 'arm64';

export const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

/** The digest by which OCI addresses content. */
export const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

export const blobOf = (mediaType: string, bytes: Buffer): Blob => ({
  descriptor: { mediaType, digest: sha256(bytes), size: bytes.length },
  bytes,
});

export const jsonBlob = (mediaType: string, content: object): Blob =>
  blobOf(mediaType, Buffer.from(JSON.stringify(content)));
