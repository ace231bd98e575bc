import * as z from 'zod/mini';
import type { Api } from '#runtime/api/api.ts';
import { isConflict, isNotFound } from '#runtime/errors.ts';
import { apiVersionOf, collection, isNamespaced, type Kind } from './kind.ts';

/** An object in a test, without kind and apiVersion, which are added. */
export type Manifest = { readonly metadata?: object; readonly [field: string]: unknown };

/** The operations of kubectl over HTTP in one namespace, so that the suite needs no kubectl. Throws `ApiError` if the server refuses. */
export type Kube = {
  /** undefined if there is none. */
  readonly get: (kind: Kind, name: string) => Promise<unknown>;
  readonly list: (kind: Kind, selector?: string) => Promise<readonly unknown[]>;
  readonly create: (kind: Kind, name: string, manifest?: Manifest) => Promise<unknown>;
  /** Creates the object, or merges the manifest into the existing one. */
  readonly apply: (kind: Kind, name: string, manifest: Manifest) => Promise<unknown>;
  /** Like `kubectl apply --server-side --force-conflicts`. */
  readonly applyServerSide: (kind: Kind, name: string, manifest: Manifest) => Promise<unknown>;
  /** A merge patch. */
  readonly patch: (kind: Kind, name: string, patch: Manifest) => Promise<unknown>;
  readonly patchStatus: (kind: Kind, name: string, status: object) => Promise<unknown>;
  /** Ignores a missing object. */
  readonly remove: (kind: Kind, name: string) => Promise<void>;
};

/** The operations in one namespace, and on cluster-scoped kinds. */
export function kube(api: Api, namespace: string): Kube {
  const path = (kind: Kind, name: string): string => `${collection(kind, namespace)}/${name}`;
  const whole = (kind: Kind, name: string, manifest: Manifest): object => {
    const place = isNamespaced(kind) ? { namespace } : {};
    const metadata = { ...manifest.metadata, name, ...place };
    return { ...manifest, apiVersion: apiVersionOf(kind), kind, metadata };
  };
  const create = (kind: Kind, name: string, manifest: Manifest = {}): Promise<unknown> =>
    api.request({ method: 'POST', path: collection(kind, namespace), body: whole(kind, name, manifest) });
  const patch = (kind: Kind, name: string, body: object): Promise<unknown> =>
    api.request({ method: 'PATCH', path: path(kind, name), contentType: 'application/merge-patch+json', body });
  return {
    get: async (kind, name) => unlessMissing(api.request({ method: 'GET', path: path(kind, name) })),
    list: async (kind, selector) => listed(api, collection(kind, namespace), selector),
    create,
    apply: async (kind, name, manifest) => {
      try {
        return await create(kind, name, manifest);
      } catch (error) {
        if (!isConflict(error)) throw error;
        return patch(kind, name, whole(kind, name, manifest));
      }
    },
    applyServerSide: (kind, name, manifest) =>
      api.request({
        method: 'PATCH',
        path: `${path(kind, name)}?fieldManager=kubectl&force=true`,
        contentType: 'application/apply-patch+yaml',
        body: whole(kind, name, manifest),
      }),
    patch,
    patchStatus: (kind, name, status) => patch(kind, `${name}/status`, { status }),
    remove: async (kind, name) => {
      const body = { propagationPolicy: 'Background', gracePeriodSeconds: 0 };
      await unlessMissing(api.request({ method: 'DELETE', path: path(kind, name), body }));
    },
  };
}

async function unlessMissing(answer: Promise<unknown>): Promise<unknown> {
  try {
    return await answer;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function listed(api: Api, path: string, selector?: string): Promise<readonly unknown[]> {
  const query = selector === undefined ? '' : `?labelSelector=${encodeURIComponent(selector)}`;
  const answer = await api.request({ method: 'GET', path: `${path}${query}` });
  return z.object({ items: z.array(z.unknown()) }).parse(answer).items;
}
