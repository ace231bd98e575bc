import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Entry, image, layer, ociArchive } from '../../../../deploy/tools/images/oci.ts';
import { hostArchitecture, nodeRuntime, runtimeFor } from '../../../../deploy/tools/images/node-runtime.ts';
import { run } from '../../../cluster/run.ts';

/** An OCI archive of a base image for deploy/Dockerfile, with this machine's Node and npm: tests have no image registry to pull from. */
export async function buildBase(reference: string): Promise<Buffer> {
  const architecture = hostArchitecture();
  const npm = join((await run('npm', ['root', '--global'])).stdout.trim(), 'npm');
  const launcher = `#!/bin/node\nrequire('${npm}/lib/cli.js')(process);\n`;
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  const entries: readonly Entry[] = [
    ...(await nodeRuntime(await runtimeFor(architecture))),
    ...(await filesOf(npm)),
    ...(authorities === undefined ? [] : [await file(authorities)]),
    { path: 'bin/npm', mode: 0o755, content: Buffer.from(launcher) },
  ];
  const artifact = image(architecture, [await layer(entries)], {
    User: '0:0',
    Entrypoint: ['/bin/node'],
    Env: ['PATH=/bin', ...(authorities === undefined ? [] : [`NODE_EXTRA_CA_CERTS=${authorities}`])],
    WorkingDir: '/',
  });
  return ociArchive([{ reference, artifact }]);
}

const file = async (path: string): Promise<Entry> => ({
  path: path.slice(1),
  mode: 0o755,
  content: await readFile(path),
});

async function filesOf(folder: string): Promise<readonly Entry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(found.filter((each) => each.isFile()).map(({ parentPath, name }) => file(join(parentPath, name))));
}
