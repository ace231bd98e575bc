import { stringify } from 'yaml';

export type PluginRelease = {
  readonly version: string;
  /** The repository's page. */
  readonly source: string;
  /** Where the archive can be had, and the SHA-256 of its bytes in hexadecimal digits. */
  readonly uri: string;
  readonly sha256: string;
};

/** The manifest by which krew installs the plugin; https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/ */
export const krewManifest = ({ version, source, uri, sha256 }: PluginRelease): string =>
  stringify({
    apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
    kind: 'Plugin',
    metadata: { name: 'imagecache' },
    spec: {
      version: `v${version}`,
      homepage: source,
      shortDescription: 'Plan, watch, refresh and purge cached images on nodes',
      description:
        'Tells what an ImageCache would pull where and what is there already, waits for it, shows its standing node by node, asks for a refresh or a purge, and says what of kube-fledged is in the way of imagecache-functions.\n',
      caveats: 'Needs Node 22.19 or newer on the PATH.\n',
      platforms: [
        {
          selector: { matchExpressions: [{ key: 'os', operator: 'In', values: ['linux', 'darwin'] }] },
          uri,
          sha256,
          bin: 'kubectl-imagecache',
        },
      ],
    },
  });
