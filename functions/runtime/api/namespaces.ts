/** Namespaces that a process is limited to; empty: all. */
export type Namespaces = readonly string[];

export const isWithin = (namespaces: Namespaces, namespace: string): boolean =>
  namespaces.length === 0 || namespaces.includes(namespace);

/** Namespaces of our Jobs and Pods: those of the caches, and for removal Jobs that of the installation. */
export const withInstallation = (namespaces: Namespaces, installation: string): Namespaces =>
  namespaces.length === 0 ? [] : [...new Set([...namespaces, installation])];

/** The paths to list a collection: one for all namespaces, or one per namespace, which needs no cluster-wide permission. */
export const pathsWithin = (namespaces: Namespaces, path: (namespace?: string) => string): readonly string[] =>
  namespaces.length === 0 ? [path()] : namespaces.map((namespace) => path(namespace));
