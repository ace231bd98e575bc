import type { Api } from '#runtime/api/api.ts';

/** A tenant with caches in a namespace of its own. */
export type Tenant = {
  /** Host and port of a registry that takes connections and never answers. */
  readonly silentRegistry: string;
  /** A list of images for the tenant's node. */
  readonly onItsNode: (images: readonly string[]) => object;
  /** Creates caches, and returns how to delete them. */
  readonly create: (specs: readonly object[]) => Promise<() => Promise<void>>;
  /** Merges fields into the spec of one of them. */
  readonly edit: (cache: number, spec: object) => Promise<void>;
  /** The same as a dry run, which the API server validates, and nobody observes. */
  readonly tryEdit: (cache: number, spec: object) => Promise<void>;
  readonly edits: () => number;
};

export const cachesPath = (namespace: string): string =>
  `/apis/kubefledged.io/v1alpha2/namespaces/${namespace}/imagecaches`;

export const cacheNamed = (name: string, spec: object): object => ({
  apiVersion: 'kubefledged.io/v1alpha2',
  kind: 'ImageCache',
  metadata: { name },
  spec,
});

type Place = { readonly namespace: string; readonly node: string; readonly silentRegistry: string };

export function createTenant(api: Api, { namespace, node, silentRegistry }: Place): Tenant {
  const path = cachesPath(namespace);
  let edited = 0;
  const patch = async (cache: number, spec: object, query: string): Promise<void> => {
    const contentType = 'application/merge-patch+json';
    await api.request({ method: 'PATCH', path: `${path}/worst-${cache}${query}`, contentType, body: { spec } });
    edited += 1;
  };
  return {
    silentRegistry,
    onItsNode: (images) => ({ images, nodeSelector: { 'kubernetes.io/hostname': node } }),
    create: async (specs) => {
      const post = (spec: object, index: number): Promise<unknown> =>
        api.request({ method: 'POST', path, body: cacheNamed(`worst-${index}`, spec) });
      await Promise.all(specs.map(post));
      return async () => {
        await Promise.all(specs.map((_, index) => api.request({ method: 'DELETE', path: `${path}/worst-${index}` })));
      };
    },
    edit: (cache, spec) => patch(cache, spec, ''),
    tryEdit: (cache, spec) => patch(cache, spec, '?dryRun=All'),
    edits: () => edited,
  };
}
