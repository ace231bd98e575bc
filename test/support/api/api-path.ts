import * as z from 'zod/mini';

/** The objects of one kind in one namespace, or in all: those with one segment after `before`, any namespace, and `after`. */
export type Collection = { readonly before: string; readonly after: string };

const Manifest = z.object({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.optional(z.string()) }),
});

export function parseApiPath(path: string): { readonly path: string; readonly query: URLSearchParams } {
  const [bare = '', query = ''] = path.split('?');
  return { path: bare, query: new URLSearchParams(query) };
}

/** The collection at a path, or undefined where the path is that of an object. */
export function collectionOf(path: string): Collection | undefined {
  const parts = /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(\/namespaces\/[^/]+)?\/([a-z]+)$/.exec(path);
  const [, api = '', namespace, plural = ''] = parts ?? [];
  if (parts === null) return undefined;
  return namespace === undefined
    ? { before: api, after: `/${plural}` }
    : { before: `${api}${namespace}/${plural}`, after: '' };
}

/** Whether the object at a path belongs to a collection. */
export function isIn({ before, after }: Collection, path: string): boolean {
  if (!path.startsWith(before)) return false;
  const rest = path.slice(before.length, path.lastIndexOf('/'));
  return (
    rest === after ||
    (after !== '' && rest.endsWith(after) && /^\/namespaces\/[^/]+$/.test(rest.slice(0, -after.length)))
  );
}

/** The path of an object of some kind, such as `/api/v1/nodes/a`. */
export function manifestPath(manifest: object): string {
  const { apiVersion, kind, metadata } = Manifest.parse(manifest);
  const prefix = apiVersion.includes('/') ? '/apis' : '/api';
  const namespace = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  return `${prefix}/${apiVersion}${namespace}/${kind.toLowerCase()}s/${metadata.name}`;
}
