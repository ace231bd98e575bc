import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';
import { paths } from '#runtime/api/paths.ts';

const namespace = z.object({ metadata: z.object({ annotations: z.optional(z.record(z.string(), z.string())) }) });
const unprivileged = 65_532;

/** The first user id of the range that OpenShift assigns to a namespace; 65532 elsewhere, and if the namespace cannot be read. */
export async function userOfNamespace(api: Api, name: string): Promise<number> {
  try {
    const { metadata } = namespace.parse(await api.request({ method: 'GET', path: paths.namespace(name) }));
    const range = /^(\d+)[/-]/.exec(metadata.annotations?.['openshift.io/sa.scc.uid-range'] ?? '');
    return range === null ? unprivileged : Number(range[1]);
  } catch (error) {
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) return unprivileged;
    throw error;
  }
}
