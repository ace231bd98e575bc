import * as z from 'zod/mini';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { isConflict, isNotFound } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';
import type { Manifest } from './read-manifests.ts';

/** The cache as it would be stored if the manifest were applied. */
export type DryRunResult = { readonly cache: ImageCache; readonly isNew: boolean };

const stored = z.looseObject({
  metadata: z.looseObject({
    labels: z.optional(z.record(z.string(), z.string())),
    annotations: z.optional(z.record(z.string(), z.string())),
  }),
});

/** Applies a manifest as a dry run of the API server. Throws `ApiError` if it is rejected. */
export async function dryRun(api: Api, manifest: Manifest, namespace: string): Promise<DryRunResult> {
  const namespaced = { ...manifest, metadata: { ...manifest.metadata, namespace } };
  for (let attempts = 1; ; attempts += 1)
    try {
      return await attempt(api, namespaced, { namespace, name: manifest.metadata.name });
    } catch (error) {
      // The object, most likely its status, was written after it was read.
      if (!isConflict(error) || attempts === maxAttempts) throw error;
    }
}

const maxAttempts = 5;

async function attempt(api: Api, manifest: Manifest, reference: CacheReference): Promise<DryRunResult> {
  const path = paths.cache(reference);
  const before = await existing(api, path);
  const answer =
    before === undefined
      ? await api.request({ method: 'POST', path: `${collectionOf(reference)}?${dryRunQuery}`, body: manifest })
      : await api.request({ method: 'PUT', path: `${path}?${dryRunQuery}`, body: merged(before, manifest) });
  return { cache: parseImageCache(withVersion(answer)), isNew: before === undefined };
}

/** Adds the resourceVersion that an object of a dry-run create lacks. */
function withVersion(answer: unknown): object {
  const { metadata, ...rest } = stored.parse(answer);
  return { ...rest, metadata: { resourceVersion: '0', ...metadata } };
}

const dryRunQuery = 'dryRun=All&fieldValidation=Strict&fieldManager=kubectl-imagecache';

const collectionOf = (reference: CacheReference): string => paths.cache(reference).replace(/\/[^/]+$/, '');

async function existing(api: Api, path: string): Promise<z.infer<typeof stored> | undefined> {
  try {
    return stored.parse(await api.request({ method: 'GET', path }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** The result of kubectl apply: the spec of the manifest, its labels and annotations merged into the existing ones. */
function merged(before: z.infer<typeof stored>, { metadata, ...rest }: Manifest): object {
  const labels = { ...before.metadata.labels, ...metadata.labels };
  const annotations = { ...before.metadata.annotations, ...metadata.annotations };
  return { ...before, ...rest, metadata: { ...before.metadata, labels, annotations } };
}
