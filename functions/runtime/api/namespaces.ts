/** Names of the namespaces that a process is limited to; none: it is not, and sees all. */
export type Namespaces = readonly string[];

export const isWithin = (namespaces: Namespaces, namespace: string): boolean =>
  namespaces.length === 0 || namespaces.includes(namespace);

/** Where Jobs and Pods of ours may be: beside their caches, and those that remove images in the namespace of the installation. */
export const withInstallation = (namespaces: Namespaces, installation: string): Namespaces =>
  namespaces.length === 0 ? [] : [...new Set([...namespaces, installation])];

/** The paths that a collection is read by: one, or one in each namespace, so that no right beyond them is needed. */
export const pathsWithin = (namespaces: Namespaces, path: (namespace?: string) => string): readonly string[] =>
  namespaces.length === 0 ? [path()] : namespaces.map((namespace) => path(namespace));
