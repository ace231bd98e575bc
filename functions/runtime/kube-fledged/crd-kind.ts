import * as z from 'zod/mini';
import { apiVersion, imageCachePlural } from '#model/cache/api.ts';
import type { Api } from '#runtime/api/api.ts';
import { isNotFound } from '#runtime/errors.ts';

/** Whose CustomResourceDefinition is installed: kube-fledged's has no status subresource, so no status could be written. */
export type CrdKind = 'ours' | 'kube-fledged' | 'none';

const resources = z.object({ resources: z.array(z.object({ name: z.string() })) });

/** Asks discovery, which everybody may. Throws `ApiError`. */
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
