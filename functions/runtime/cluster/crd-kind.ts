import * as z from 'zod/mini';
import { apiVersion, imageCachePlural } from '#model/cache/api.ts';
import type { Api } from '#runtime/api/api.ts';
import { isNotFound } from '#runtime/errors.ts';

/** Which CustomResourceDefinition is installed; kube-fledged's has no status subresource, so writing status would fail. */
export type CrdKind = 'ours' | 'kube-fledged' | 'none';

const resources = z.object({ resources: z.array(z.object({ name: z.string() })) });

/** Reads the discovery API, which is open to every authenticated user. Throws `ApiError`. */
export async function crdKind(api: Api): Promise<CrdKind> {
  try {
    const answer = resources.parse(await api.request({ method: 'GET', path: `/apis/${apiVersion}` }));
    const names = answer.resources.map(({ name }) => name);
    if (names.includes(`${imageCachePlural}/status`)) return 'ours';
    return names.includes(imageCachePlural) ? 'kube-fledged' : 'none';
  } catch (error) {
    if (isNotFound(error)) return 'none';
    throw error;
  }
}
