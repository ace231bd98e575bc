import type { Namespaces } from '#runtime/api/paths.ts';
import { startInformer, type Informer, type InformerOptions } from './informer.ts';
import type { Resource } from './resource.ts';

/** Watches a resource in all namespaces, or with one watch in each of the given namespaces, which needs no cluster-wide permission. */
export function startInformers<P>(
  resource: Resource<P>,
  namespaces: Namespaces,
  options: InformerOptions<P>,
): Informer<P> {
  if (namespaces.length === 0) return startInformer(resource, options);
  // A CRD is missing in all namespaces: report it once.
  const { onMissing, ...rest } = options;
  const first = onMissing === undefined ? {} : { onMissing };
  const byNamespace = new Map(
    namespaces.map((namespace, index) => [
      namespace,
      startInformer({ ...resource, namespace }, { ...rest, ...(index === 0 ? first : {}) }),
    ]),
  );
  const all = [...byNamespace.values()];
  return {
    get: (key) => byNamespace.get(key.slice(0, key.indexOf('/')))?.get(key),
    keys: () => all.flatMap((informer) => [...informer.keys()]),
    size: () => all.reduce((sum, informer) => sum + informer.size(), 0),
    synced: () => all.every((informer) => informer.synced()),
    whenSynced: Promise.all(all.map((informer) => informer.whenSynced)).then(() => undefined),
    stopped: Promise.all(all.map((informer) => informer.stopped)).then(() => undefined),
  };
}
