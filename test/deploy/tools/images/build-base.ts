import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Entry, image, layer, ociArchive } from '../../../../deploy/tools/images/oci.ts';
import { hostArchitecture, nodeRuntime, runtimeFor } from '../../../../deploy/tools/images/runtime/node-runtime.ts';
import { run } from '../../../cluster/run.ts';

/** An OCI archive of a base image for deploy/Dockerfile, with Node, and npm and dpkg-deb of this machine: tests have no image registry to pull from. */
export async function buildBase(reference: string): Promise<Buffer> {
  const architecture = hostArchitecture();
  const npm = join((await run('npm', ['root', '--global'])).stdout.trim(), 'npm');
  const launcher = `#!/bin/node\nrequire('${npm}/lib/cli.js')(process);\n`;
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  const entries: readonly Entry[] = [
    ...(await nodeRuntime(await runtimeFor(architecture))),
    ...(await filesOf(npm)),
    ...(await dpkg()),
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

/** The program that unpacks Debian's packages, with its libraries but those that Node has, too. */
async function dpkg(): Promise<readonly Entry[]> {
  const { stdout } = await run('ldd', ['/usr/bin/dpkg-deb']);
  const libraries = [...stdout.matchAll(/=> (\S+)/g)].flatMap(([, path = '']) =>
    path.includes('/libc.') ? [] : [path],
  );
  const program = { ...(await file('/usr/bin/dpkg-deb')), path: 'bin/dpkg-deb' };
  return [program, ...(await Promise.all(libraries.map(file)))];
}

async function filesOf(folder: string): Promise<readonly Entry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(found.filter((each) => each.isFile()).map(({ parentPath, name }) => file(join(parentPath, name))));
}
