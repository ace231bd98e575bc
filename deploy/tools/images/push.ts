import type { Blob } from './blob.ts';
import type { Artifact } from './image.ts';
import type { Repository } from './registry.ts';

const refused = async (what: string, response: Response): Promise<Error> =>
  new Error(`the registry did not take ${what}: ${response.status} ${(await response.text()).slice(0, 300)}`);

const pushBlob = async (repository: Repository, { descriptor: { digest }, bytes }: Blob): Promise<void> => {
  const head = await repository.request('HEAD', `blobs/${digest}`);
  if (head.ok) return;
  const start = await repository.request('POST', 'blobs/uploads/');
  const location = start.headers.get('location');
  if (start.status !== 202 || location === null) throw await refused(digest, start);
  const upload = new URL(location, start.url);
  upload.searchParams.set('digest', digest);
  const end = await repository.request('PUT', upload.href, { body: bytes, type: 'application/octet-stream' });
  if (end.status !== 201) throw await refused(digest, end);
};

const pushManifest = async (repository: Repository, { descriptor, bytes }: Blob, tag: string): Promise<void> => {
  const response = await repository.request('PUT', `manifests/${tag}`, { body: bytes, type: descriptor.mediaType });
  if (response.status !== 201) throw await refused(`the manifest ${tag}`, response);
};

/** Pushes content first and the tag last, so that the tag never names what is not there yet. What the registry has is not sent again. */
export const push = async (
  repository: Repository,
  { blobs, manifests, root }: Artifact,
  tag: string,
): Promise<void> => {
  for (const blob of blobs) await pushBlob(repository, blob);
  for (const manifest of manifests) await pushManifest(repository, manifest, manifest.descriptor.digest);
  await pushManifest(repository, root, tag);
};
