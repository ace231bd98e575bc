import type { ContainerConfig } from './oci.ts';

/** Node's options in the image. A small nursery saves 30 MB of short-lived text when 100 nodes are watched; a lower heap limit makes Node
 * collect garbage earlier: after growth by half, instead of 80 % with 1.5 GB. */
export const nodeOptions = '--max-semi-space-size=2 --max-old-space-size=768';

/** The numeric user of the image; the compile cache is found under it only. */
export const user = 65532;

/** The container configuration of the functions image; `args` select another program. A test compares it with deploy/Dockerfile. */
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

/** The environment by name, with `app` as the programs' folder. */
export const environmentOf = ({ Env = [] }: ContainerConfig, app = '/app'): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Env.map((pair): [string, string] => {
      const end = pair.indexOf('=');
      return [pair.slice(0, end), pair.slice(end + 1).replace('/app', app)];
    }),
  );
