import type { Api, ApiCall } from '#runtime/api/api.ts';
import { ApiError } from '#runtime/errors.ts';

/** A verb on a resource of the namespace, as in `get apps/deployments`. */
type Right = string;

/** The rights of a call in a namespace; none for one in the whole cluster. */
function rightsOf({ method, path, contentType }: ApiCall): readonly Right[] {
  const { pathname, searchParams } = new URL(path, 'http://cluster');
  const [, group = '', resource = '', name] =
    /^\/(?:api|apis\/([^/]+))\/[^/]+\/namespaces\/[^/]+\/([^/]+)(?:\/([^/]+))?$/.exec(pathname) ?? [];
  if (resource === '') return [];
  const read = searchParams.has('watch') ? 'watch' : name === undefined ? 'list' : 'get';
  const verbs =
    contentType?.startsWith('application/apply-patch') === true ? ['create', 'patch'] : [method.toLowerCase()];
  return (method === 'GET' ? [read] : verbs).map((verb) => `${verb} ${group}/${resource}`);
}

/** An API with these rights in every namespace and none in the cluster; `used` has those that were needed. */
export function apiWithRights(api: Api, allowed: ReadonlySet<Right>): Api & { readonly used: ReadonlySet<Right> } {
  const used = new Set<Right>();
  const admit = (call: ApiCall): ApiCall => {
    const rights = rightsOf(call);
    if (rights.length === 0 || rights.some((right) => !allowed.has(right)))
      throw new ApiError(`${call.method} ${call.path} is forbidden`, { status: 403, reason: 'Forbidden' });
    for (const right of rights) used.add(right);
    return call;
  };
  return { ...api, used, request: async (call) => api.request(admit(call)), lines: (call) => api.lines(admit(call)) };
}
