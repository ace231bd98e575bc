import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { stringify } from 'yaml';
import { bundle } from '../images/bundle.ts';
import { tar } from '../images/oci.ts';
import { asProgram } from '../../plugin/as-program.ts';
import { completionProgram } from '../../plugin/completion/completion.ts';

const root = join(import.meta.dirname, '../../..');

/** The kubectl plugin as a .tar.gz: one program for any system with Node, our licence, and those of its dependencies. */
export const pluginArchive = async (): Promise<Buffer> => {
  const files = await bundle({ 'kubectl-imagecache': 'deploy/plugin/main.ts' });
  const contentOf = (suffix: string): Buffer => {
    const found = files.filter(({ path }) => path.endsWith(suffix));
    const content = found[0]?.content;
    if (content === undefined || found.length > 1) throw new Error(`expected one file ${suffix} of the plugin`);
    return content;
  };
  const program = Buffer.from(asProgram(contentOf('.mjs').toString('utf8')));
  const archive = await tar([
    { path: 'kubectl-imagecache', mode: 0o755, content: program },
    { path: 'kubectl_complete-imagecache', mode: 0o755, content: Buffer.from(completionProgram) },
    { path: 'LICENSE', mode: 0o644, content: await readFile(join(root, 'LICENSE')) },
    { path: 'THIRD-PARTY-LICENSES', mode: 0o644, content: contentOf('.LEGAL.txt') },
  ]);
  return promisify(gzip)(archive, { level: 9 });
};

export type PluginRelease = {
  readonly version: string;
  /** URL of the repository. */
  readonly source: string;
  /** URL of the archive, and the SHA-256 of its bytes in hexadecimal digits. */
  readonly uri: string;
  readonly sha256: string;
};

/** The krew manifest of the plugin; https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/ */
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
