import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { isNotFound } from '#runtime/errors.ts';

const configurations = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      webhooks: z.optional(z.array(z.object({ name: z.string() }))),
    }),
  ),
});

/** Under this name the API server tells of the webhook when it refuses a write. */
const webhookName = 'validate-image-cache.kubefledged.io';

/**
 * Names of the webhook configurations of kube-fledged. With its server gone, they refuse every write to an ImageCache.
 * Throws `ApiError`: 403 where this process may not look.
 */
export async function webhookConfigurations(api: Api): Promise<readonly string[]> {
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
  const { items } = configurations.parse(await orNone(api.request({ method: 'GET', path })));
  return items
    .filter(({ webhooks = [] }) => webhooks.some(({ name }) => name === webhookName))
    .map(({ metadata }) => metadata.name);
}

/** A cluster that knows no such kind has none of them. */
async function orNone(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return { items: [] };
    throw error;
  }
}

/** What takes a webhook away. */
export const deleteCommand = (name: string): string => `kubectl delete validatingwebhookconfiguration ${name}`;
