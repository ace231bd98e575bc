import { bundle, programs } from './bundle.ts';
import { image, type Artifact } from './image.ts';
import { layer } from './layer.ts';
import { hostArchitecture, nodeRuntime } from './node-runtime.ts';

/** What Node is told in the image. Watching 100 nodes leaves much short-lived text: a small nursery keeps 30 MB less of it, for a little more work;
 * and a heap that may not grow to gigabytes is cleaned before it has doubled, which saves 20 MB more. */
export const nodeOptions = '--max-semi-space-size=2 --max-old-space-size=1536';

/** The image of all profiles, for this machine's architecture: Node in a layer that changes with Node only, the programs in another. `args` picks the program. */
export const functionsImage = async (version: string): Promise<Artifact> => {
  const architecture = hostArchitecture();
  const app = await layer(await bundle(programs)); // before the large layer: what can fail comes first
  return image(architecture, [await layer(await nodeRuntime()), app], {
    User: '65532:65532',
    Entrypoint: ['/bin/node'],
    Cmd: ['standalone.mjs'],
    Env: ['PATH=/bin', 'NODE_ENV=production', `NODE_OPTIONS=${nodeOptions}`],
    WorkingDir: '/app',
    Labels: { 'org.opencontainers.image.version': version },
  });
};
