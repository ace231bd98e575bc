import type { ImageCache } from '#model/cache/image-cache.ts';
import { ApiError } from '#runtime/errors.ts';
import type { Context } from '#runtime/handler.ts';

/**
 * The contents of a cache's pull secrets, for a keyring. A secret that cannot be read is logged and left out: the registry is then
 * asked without it, and kubelets may still use it. The content of a secret is never logged.
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
