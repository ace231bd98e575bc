/** What a path of the API names. */
export type ResourcePath = {
  readonly group: string;
  readonly version: string;
  readonly namespace: string | undefined;
  readonly plural: string;
  readonly name: string | undefined;
  readonly subresource: string;
};

const decoded = (parts: readonly string[]): readonly string[] | undefined => {
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
};

/** Reads `/api/v1/…` and `/apis/GROUP/VERSION/…`; undefined for what names no resource. */
export const resourcePath = (path: string): ResourcePath | undefined => {
  const parts = decoded(path.split('/').filter((part) => part !== ''));
  if (parts === undefined) return undefined;
  const [root, ...rest] = parts;
  if (root !== 'api' && root !== 'apis') return undefined;
  const [group, version, ...named] = root === 'api' ? ['', ...rest] : rest;
  if (group === undefined || version === undefined) return undefined;
  // A namespace's own paths and those of what is in it begin alike.
  const isInside = named[0] === 'namespaces' && named.length > 2 && !['status', 'finalize'].includes(named[2] ?? '');
  const [plural, name, ...sub] = isInside ? named.slice(2) : named;
  if (plural === undefined) return undefined;
  return {
    group,
    version,
    namespace: isInside ? named[1] : undefined,
    plural,
    name,
    subresource: sub.join('/'),
  };
};
