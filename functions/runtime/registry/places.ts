import type { ImageReference } from '#model/text/image-reference.ts';
import { NoAnswer } from './send-request.ts';
import type { RegistrySettings } from '#runtime/config/process-settings.ts';
import { isHost } from '#runtime/config/setting.ts';

/** One server that may have an image: a mirror, or the registry itself. */
export type Place = {
  /** The only URL that is requested there. */
  readonly manifest: URL;
  /** The name that pull secrets use for it. */
  readonly registry: string;
  readonly repository: string;
  readonly isMirror: boolean;
};

/** The places to resolve a reference at, in order. Throws `NoAnswer` for an invalid reference. */
export function placesOf(reference: ImageReference, settings: RegistrySettings): readonly Place[] {
  const { registry, repository, tag, digest } = reference;
  const isVersion = digest === '' ? isTag.test(tag) : isDigest.test(digest);
  if (!isVersion || !isHost(registry) || !isRepository.test(repository))
    throw new NoAnswer('this is not a reference that a registry can be asked for');
  const mirrors = settings.mirrors[registry] ?? [];
  return [...mirrors.map((mirror) => mirrorOf(mirror, reference)), originOf(reference, settings)];
}

/** Hosts that the operator lists, mirrors included; `plain`: of these, those that may be connected to without TLS. */
export function listedHosts({ insecure, mirrors }: RegistrySettings): Record<'listed' | 'plain', ReadonlySet<string>> {
  const urls = Object.values(mirrors).flatMap((each) => each.map((mirror) => new URL(mirror)));
  const isPlain = ({ protocol }: URL): boolean => protocol === 'http:';
  const without = insecure.map((host) => new URL(`http://${host}`));
  const hostsIn = (some: readonly URL[]): ReadonlySet<string> => new Set(some.map(({ host }) => host));
  return { listed: hostsIn([...without, ...urls]), plain: hostsIn([...without, ...urls.filter(isPlain)]) };
}

/** Whether a URL is that of a manifest. */
export const isManifestPath = ({ pathname }: URL): boolean => /^\/v2\/.+\/manifests\/[^/]+$/.test(pathname);

/** The host that has the images of docker.io. */
export const dockerHub = 'registry-1.docker.io';

const isRepository = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+|\/)[a-z0-9]+)*$/;
const isTag = /^\w[\w.-]{0,127}$/;
export const isDigest = /^[a-z0-9]+:[0-9a-f]{64,128}$/;

const versionOf = ({ tag, digest }: ImageReference): string => (digest === '' ? tag : digest);

function originOf(reference: ImageReference, { insecure }: RegistrySettings): Place {
  const { registry, repository } = reference;
  const host = registry === 'docker.io' ? dockerHub : registry;
  const scheme = insecure.includes(host.toLowerCase()) ? 'http' : 'https';
  const manifest = new URL(`${scheme}://${host}/v2/${repository}/manifests/${versionOf(reference)}`);
  return { manifest, registry, repository, isMirror: false };
}

/** Prefixes the repository with the path of the mirror's URL, and names the registry in `ns` as containerd does. */
function mirrorOf(mirror: string, reference: ImageReference): Place {
  const { registry, repository } = reference;
  const { origin, host, pathname } = new URL(mirror);
  const prefix = pathname.replace(/^\/v2(?=\/|$)/, '').replace(/^\/+|\/+$/g, '');
  const within = prefix === '' ? repository : `${prefix}/${repository}`;
  const manifest = new URL(
    `${origin}/v2/${within}/manifests/${versionOf(reference)}?ns=${encodeURIComponent(registry)}`,
  );
  return { manifest, registry: host, repository: within, isMirror: true };
}
