import * as z from 'zod/mini';
import { group, imageCacheKind, jobAnnotations, managerSelector } from '#model/cache/api.ts';
import type { Api } from '#runtime/api/api.ts';
import { isConflict, isNotFound } from '#runtime/errors.ts';
import { listItems } from '#runtime/api/list-items.ts';
import { type Namespaces, pathsWithin, paths } from '#runtime/api/paths.ts';

export type OldJob = { readonly namespace: string; readonly name: string; readonly uid: string };

const job = z.object({
  metadata: z.object({
    namespace: z.string(),
    name: z.string(),
    uid: z.string(),
    annotations: z.optional(z.record(z.string(), z.string())),
    deletionTimestamp: z.optional(z.string()),
    ownerReferences: z.optional(
      z.array(z.object({ apiVersion: z.string(), kind: z.string(), controller: z.optional(z.boolean()) })),
    ),
  }),
});

/** Lists Jobs that kube-fledged left: owned by an ImageCache, with its labels, without the annotations of our Jobs. Throws `ApiError`. */
export async function oldJobs(api: Api, namespaces: Namespaces = []): Promise<readonly OldJob[]> {
  const selector = `app=kubefledged,controller=fledged,${managerSelector}`;
  const parse = (object: unknown): z.infer<typeof job> => job.parse(object);
  const all = await listItems(api, pathsWithin(namespaces, paths.jobs), {
    bound: 'page_job_metadata',
    parse,
    selector,
    isMetadata: true,
  });
  return all
    .filter(({ metadata: { annotations = {}, deletionTimestamp, ownerReferences = [] } }) => {
      const isOurs = jobAnnotations.cache in annotations;
      const isOfCache = ownerReferences.some(
        ({ apiVersion, kind, controller }) =>
          controller === true && kind === imageCacheKind && apiVersion.startsWith(`${group}/`),
      );
      return isOfCache && !isOurs && deletionTimestamp === undefined;
    })
    .map(({ metadata: { namespace, name, uid } }) => ({ namespace, name, uid }));
}

/** Deletes a Job with its Pods; does nothing if it is gone or was replaced. */
export async function removeOldJob(api: Api, { namespace, name, uid }: OldJob): Promise<void> {
  const body = { propagationPolicy: 'Background', preconditions: { uid } };
  try {
    await api.request({ method: 'DELETE', path: paths.job(namespace, name), body });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
