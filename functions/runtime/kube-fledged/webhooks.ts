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

/** The webhook's name in the API server's error when it refuses a write. */
const webhookName = 'validate-image-cache.kubefledged.io';

/**
 * Lists kube-fledged's webhook configurations. Without its server, they make every write to an ImageCache fail.
 * Throws `ApiError`, 403 if this process has no permission.
 */
export async function webhookConfigurations(api: Api): Promise<readonly string[]> {
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
  const { items } = configurations.parse(await orEmpty(api.request({ method: 'GET', path })));
  return items
    .filter(({ webhooks = [] }) => webhooks.some(({ name }) => name === webhookName))
    .map(({ metadata }) => metadata.name);
}

/** Treats a missing kind as an empty list. */
async function orEmpty(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return { items: [] };
    throw error;
  }
}

/** The command that deletes a webhook configuration. */
export const deleteCommand = (name: string): string => `kubectl delete validatingwebhookconfiguration ${name}`;
