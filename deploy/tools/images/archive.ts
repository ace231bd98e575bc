import type { Artifact } from './image.ts';
import { jsonBlob, mediaTypes } from './blob.ts';
import { tar, type Entry } from './tar.ts';

export type NamedArtifact = { readonly reference: string; readonly artifact: Artifact };

/** Both names that readers look for: OCI's is what crane and skopeo take, containerd's what `ctr images import` takes. */
const named = ({ reference, artifact }: NamedArtifact) => ({
  ...artifact.root.descriptor,
  annotations: {
    'org.opencontainers.image.ref.name': reference,
    'io.containerd.image.name': reference,
  },
});

const fileOf = (path: string, content: object): Entry => ({
  path,
  mode: 0o644,
  content: jsonBlob(mediaTypes.index, content).bytes,
});

/** An OCI image layout as one tar file, which `ctr images import` and `skopeo copy oci-archive:` read. */
export const ociArchive = (images: readonly NamedArtifact[]): Promise<Buffer> => {
  const blobs = images.flatMap(({ artifact }) => [...artifact.blobs, ...artifact.manifests]);
  return tar([
    fileOf('oci-layout', { imageLayoutVersion: '1.0.0' }),
    fileOf('index.json', { schemaVersion: 2, mediaType: mediaTypes.index, manifests: images.map(named) }),
    ...blobs.map(({ descriptor, bytes }) => ({
      path: `blobs/${descriptor.digest.replace(':', '/')}`,
      mode: 0o644,
      content: bytes,
    })),
  ]);
};
