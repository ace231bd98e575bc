/** An image reference in its parts, as the container runtimes read it: Docker's defaults filled in. */
export type ImageReference = {
  readonly registry: string;
  readonly repository: string;
  /** '' where a digest stands without a tag. */
  readonly tag: string;
  /** `sha256:…`, or '' where there is none. */
  readonly digest: string;
};

/** Takes a reference apart. Never fails: what is no reference was refused by the CRD, and the kubelet will say so again. */
export function parseImageReference(text: string): ImageReference {
  const [named, digest = ''] = splitOnce(text, '@');
  const slash = named.lastIndexOf('/');
  const colon = named.indexOf(':', slash + 1);
  const name = colon === -1 ? named : named.slice(0, colon);
  const tag = colon === -1 ? (digest === '' ? 'latest' : '') : named.slice(colon + 1);
  return { ...registryAndRepository(name), tag, digest };
}

/** One spelling per image: `nginx` and `docker.io/library/nginx:latest` are the same. A digest makes the tag meaningless. */
export function normalisedReference(text: string): string {
  const { registry, repository, tag, digest } = parseImageReference(text);
  return digest === '' ? `${registry}/${repository}:${tag}` : `${registry}/${repository}@${digest}`;
}

/** Whether the image behind a reference is expected to change: `:latest` or no tag at all. A digest never moves; other tags are taken to stay. */
export function isMovingReference(text: string): boolean {
  const { tag, digest } = parseImageReference(text);
  return digest === '' && tag === 'latest';
}

/** Whether the first part names a registry: it has a dot or a port, or is `localhost`. */
function registryAndRepository(name: string): { registry: string; repository: string } {
  const [first, rest] = splitOnce(name, '/');
  if (rest === undefined) return { registry: 'docker.io', repository: `library/${first}` };
  if (!/[.:]/.test(first) && first !== 'localhost') return { registry: 'docker.io', repository: name };
  const registry = first === 'index.docker.io' ? 'docker.io' : first;
  return { registry, repository: registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest };
}

function splitOnce(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + separator.length)];
}
