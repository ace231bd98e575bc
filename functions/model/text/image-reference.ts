/** The parts of an image reference, with Docker's defaults filled in as container runtimes do. */
export type ImageReference = {
  readonly registry: string;
  readonly repository: string;
  /** '' for a reference that has a digest and no tag. */
  readonly tag: string;
  /** `sha256:…`; '' if the reference has none. */
  readonly digest: string;
};

/** Parses a reference. Never fails: the CRD rejects invalid references, and the kubelet reports the others. */
export function parseImageReference(text: string): ImageReference {
  const [nameAndTag, digest = ''] = splitOnce(text, '@');
  const slash = nameAndTag.lastIndexOf('/');
  const colon = nameAndTag.indexOf(':', slash + 1);
  const name = colon === -1 ? nameAndTag : nameAndTag.slice(0, colon);
  const tag = colon === -1 ? (digest === '' ? 'latest' : '') : nameAndTag.slice(colon + 1);
  return { ...registryAndRepository(name), tag, digest };
}

/**
 * The same text for every spelling of a reference: `nginx` is `docker.io/library/nginx:latest`. A digest makes the tag
 * irrelevant.
 */
export function normalisedReference(text: string): string {
  const { registry, repository, tag, digest } = parseImageReference(text);
  return digest === '' ? `${registry}/${repository}:${tag}` : `${registry}/${repository}@${digest}`;
}

/** The registry that a reference pulls from, by its one name. */
export const registryOf = (reference: string): string => registryName(parseImageReference(reference).registry);

/** One name for all spellings of the host of a registry: limits hold for the registry, not for a spelling. */
export function registryName(spelled: string): string {
  const host = spelled.toLowerCase().replace(/:0*443$/, '');
  return dockerHub.has(host) ? 'docker.io' : host;
}

/** Other hosts of Docker Hub. */
const dockerHub: ReadonlySet<string> = new Set(['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com']);

/** The text without the name of its image, so that texts about the same failure of different images are equal. */
export const withoutReference = (text: string, image: string): string =>
  image === '' ? text : text.replaceAll(image, 'IMAGE').replaceAll(normalisedReference(image), 'IMAGE');

/** Whether a reference is expected to move to another digest: `:latest` or no tag. Other tags are assumed to stay. */
export function isMovingReference(text: string): boolean {
  const { tag, digest } = parseImageReference(text);
  return digest === '' && tag === 'latest';
}

/** The first part is a registry if it has a dot or a port, or is `localhost`. */
function registryAndRepository(name: string): { registry: string; repository: string } {
  const [first, rest] = splitOnce(name, '/');
  if (rest === undefined) return { registry: 'docker.io', repository: `library/${first}` };
  if (!/[.:]/.test(first) && first !== 'localhost') return { registry: 'docker.io', repository: name };
  const registry = first === 'index.docker.io' ? 'docker.io' : first;
  return { registry, repository: registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest };
}

function splitOnce(text: string, separator: string): [string, string?] {
  const index = text.indexOf(separator);
  return index === -1 ? [text] : [text.slice(0, index), text.slice(index + separator.length)];
}

/** Whether a text is a reference that the CRD accepts in a list of images. */
export const isImageReference = (text: string): boolean => text.length <= 520 && acceptedReference.test(text);

const acceptedReference = new RegExp(
  [
    '^((',
    '[a-zA-Z0-9-]+(\\.[a-zA-Z0-9-]+)+(:[0-9]+)?',
    '|[a-zA-Z0-9-]+:[0-9]+',
    '|\\[[0-9a-fA-F:]+\\](:[0-9]+)?',
    ')/)?',
    '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*',
    '(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$',
  ].join(''),
);
