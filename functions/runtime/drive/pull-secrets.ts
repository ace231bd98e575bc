import type { ImageCache } from '#model/cache/image-cache.ts';
import { ApiError } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';

/**
 * The logins that a cache's pull secrets hold, as texts for a keyring. A secret that can not be read is left out with a line in the log, and
 * then a registry is asked without it: kubelets may still have it. What is in a secret is never told.
 */
export async function pullSecrets(
  { namespace, spec }: ImageCache,
  { cluster, log }: Pick<Context, 'cluster' | 'log'>,
): Promise<readonly string[]> {
  const texts = spec.imagePullSecrets.map(async (name) => {
    try {
      return await cluster.pullSecret(namespace, name);
    } catch (error) {
      const status = error instanceof ApiError ? error.status : undefined;
      log.warn({ pullSecret: `${namespace}/${name}`, status }, 'pull secret could not be read');
      return '';
    }
  });
  return (await Promise.all(texts)).filter((text) => text !== '');
}
