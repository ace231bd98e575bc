import type { JobToDelete } from '#model/plan.ts';
import type { Api } from '#runtime/api/api.ts';
import { isConflict, isNotFound, unless } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';

/** Deletes a Job and its Pods in the background. The uid keeps another Job of the same name from being deleted. */
export async function deleteJob(api: Api, namespace: string, { name, uid }: JobToDelete): Promise<void> {
  const body = { propagationPolicy: 'Background', preconditions: { uid } };
  const isGone = (error: unknown): boolean => isNotFound(error) || isConflict(error);
  await unless(isGone, api.request({ method: 'DELETE', path: paths.job(namespace, name), body }));
}
