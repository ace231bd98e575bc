import type { Api } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';

/** Whether a service account exists. Without the right to read it, it is assumed to, and the Job controller reports one that does not. */
export async function hasServiceAccount(api: Api, namespace: string, name: string): Promise<boolean> {
  try {
    await api.request({ method: 'GET', path: paths.serviceAccount(namespace, name) });
    return true;
  } catch (error) {
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return error.status === 403;
    throw error;
  }
}
