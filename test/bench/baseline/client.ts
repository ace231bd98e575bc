import type { Api, ApiCall } from '#runtime/api/api.ts';
import { clientRate, limiter } from './limiter.ts';
import { cacheObject, type CacheObject } from './seen.ts';

export type CacheName = { readonly namespace: string; readonly name: string };

/** Sends one request after the other, at most as many as client-go lets through. */
export type LimitedRequest = (call: ApiCall) => Promise<unknown>;

export function limitedRequest(api: Api): LimitedRequest {
  const allowed = limiter(clientRate);
  return async (call) => {
    await allowed();
    return api.request(call);
  };
}

const path = ({ namespace, name }: CacheName): string =>
  `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches/${name}`;

const readCache = async (request: LimitedRequest, cache: CacheName): Promise<CacheObject> =>
  cacheObject.parse(await request({ method: 'GET', path: path(cache) }));

/** Two reads and one write of the whole object, as kube-fledged does; to /status, as our CRD has that. */
export async function writeStatus(request: LimitedRequest, cache: CacheName, status: object): Promise<CacheObject> {
  await readCache(request, cache);
  const body = { ...(await readCache(request, cache)), status };
  return cacheObject.parse(await request({ method: 'PUT', path: `${path(cache)}/status`, body }));
}
