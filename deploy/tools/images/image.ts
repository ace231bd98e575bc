import { jsonBlob, mediaTypes, type Architecture, type Blob } from './blob.ts';
import type { Layer } from './layer.ts';

/** How a container of the image starts: the fields of OCI's image configuration that we use. */
export type ContainerConfig = {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly WorkingDir: string;
  readonly Labels?: Readonly<Record<string, string>>;
};

/** All that a registry or an archive must hold for one name: content first, then what lists it; `root` is what the name points to. */
export type Artifact = { readonly blobs: readonly Blob[]; readonly manifests: readonly Blob[]; readonly root: Blob };

const created = '1970-01-01T00:00:00Z';

/** An image for one architecture. */
export const image = (architecture: Architecture, layers: readonly Layer[], config: ContainerConfig): Artifact => {
  const configuration = jsonBlob(mediaTypes.config, {
    created,
    architecture,
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(() => ({ created, created_by: 'imagecache-functions' })),
  });
  const manifest = jsonBlob(mediaTypes.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: configuration.descriptor,
    layers: layers.map(({ blob }) => blob.descriptor),
  });
  const root = {
    ...manifest,
    descriptor: { ...manifest.descriptor, platform: { architecture, os: 'linux' as const } },
  };
  return { blobs: [...layers.map(({ blob }) => blob), configuration], manifests: [root], root };
};

/** One name for images of several architectures: a node pulls its own only. */
export const imageIndex = (images: readonly Artifact[]): Artifact => {
  const root = jsonBlob(mediaTypes.index, {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: images.map((each) => each.root.descriptor),
  });
  return {
    blobs: images.flatMap(({ blobs }) => blobs),
    manifests: [...images.flatMap(({ manifests }) => manifests), root],
    root,
  };
};
