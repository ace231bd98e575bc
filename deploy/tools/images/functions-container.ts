import type { ContainerConfig } from './oci.ts';

/** What Node is told in the image. Watching 100 nodes leaves much short-lived text: a small nursery keeps 30 MB less of it, for a little more work;
 * and the less a heap may grow to, the sooner it is cleaned: before it has grown by half, where 1.5 GB let it grow by 80 %. */
export const nodeOptions = '--max-semi-space-size=2 --max-old-space-size=768';

/** The numeric user of the image; the compile cache is found under it only. */
export const user = 65532;

/** How a container of the functions image starts; `args` picks another program. deploy/Dockerfile says the same, which a test compares. */
export const functionsContainer = (version: string): ContainerConfig => ({
  User: `${user}:${user}`,
  Entrypoint: ['/bin/node'],
  Cmd: ['main.mjs'],
  Env: [
    'PATH=/bin',
    'NODE_ENV=production',
    `NODE_OPTIONS=${nodeOptions}`,
    'NODE_COMPILE_CACHE=/app/cache',
    'NODE_COMPILE_CACHE_PORTABLE=1',
  ],
  WorkingDir: '/app',
  Labels: { 'org.opencontainers.image.version': version },
});

/** The environment by name, with the folder of the programs where it is on this machine. */
export const environmentOf = ({ Env = [] }: ContainerConfig, app = '/app'): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Env.map((pair): [string, string] => {
      const end = pair.indexOf('=');
      return [pair.slice(0, end), pair.slice(end + 1).replace('/app', app)];
    }),
  );
