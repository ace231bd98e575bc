import * as z from 'zod/mini';
import type { CacheReference } from '#model/cache/cloud-event.ts';
import type { ImageCache } from '#model/cache/image-cache.ts';
import { parseImageCache } from '#model/cache/parse-image-cache.ts';
import type { Api } from '#runtime/api/api.ts';
import { isConflict, isNotFound } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';
import type { Manifest } from './manifests.ts';

/** What the cluster would hold if the manifest were applied. */
export type Applied = { readonly cache: ImageCache; readonly isNew: boolean };

const stored = z.looseObject({
  metadata: z.looseObject({
    labels: z.optional(z.record(z.string(), z.string())),
    annotations: z.optional(z.record(z.string(), z.string())),
  }),
});

/** Has the API server judge a manifest, with nothing stored. Throws its refusal. */
export async function dryRun(api: Api, manifest: Manifest, namespace: string): Promise<Applied> {
  const placed = { ...manifest, metadata: { ...manifest.metadata, namespace } };
  for (let tries = 1; ; tries += 1)
    try {
      return await tried(api, placed, { namespace, name: manifest.metadata.name });
    } catch (error) {
      // Somebody wrote it, most likely its status, between the look and the trial.
      if (!isConflict(error) || tries === mostTries) throw error;
    }
}

const mostTries = 5;

async function tried(api: Api, placed: Manifest, reference: CacheReference): Promise<Applied> {
  const path = paths.cache(reference);
  const before = await existing(api, path);
  const answer =
    before === undefined
      ? await api.request({ method: 'POST', path: `${collectionOf(reference)}?${asTrial}`, body: placed })
      : await api.request({ method: 'PUT', path: `${path}?${asTrial}`, body: edited(before, placed) });
  return { cache: parseImageCache(versioned(answer)), isNew: before === undefined };
}

/** What was never stored has no version. */
function versioned(answer: unknown): object {
  const { metadata, ...rest } = stored.parse(answer);
  return { ...rest, metadata: { resourceVersion: '0', ...metadata } };
}

const asTrial = 'dryRun=All&fieldValidation=Strict&fieldManager=kubectl-imagecache';

const collectionOf = (reference: CacheReference): string => paths.cache(reference).replace(/\/[^/]+$/, '');

async function existing(api: Api, path: string): Promise<z.infer<typeof stored> | undefined> {
  try {
    return stored.parse(await api.request({ method: 'GET', path }));
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** As kubectl apply leaves it: the spec is the manifest's, labels and annotations are added to those that are there. */
function edited(before: z.infer<typeof stored>, { metadata, ...rest }: Manifest): object {
  const labels = { ...before.metadata.labels, ...metadata.labels };
  const annotations = { ...before.metadata.annotations, ...metadata.annotations };
  return { ...before, ...rest, metadata: { ...before.metadata, labels, annotations } };
}
