import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { leanPackages, unreadBuiltins } from './esbuild-plugins.ts';
import type { Entry } from './oci.ts';

const root = join(import.meta.dirname, '../../..');

/** The programs of the image by name, and their entry points. */
export const programs = {
  main: 'deploy/standalone/image-main.ts',
  standalone: 'deploy/standalone/main.ts',
  sources: 'sources/main.ts',
  functions: 'functions/main.ts',
  removal: 'functions/removal/main.ts',
  crd: 'deploy/tools/crd/main.ts',
  'kubectl-imagecache': 'deploy/plugin/main.ts',
} as const;

/** Marks the Kubernetes client as free of side effects, which its package does not; that removes two thirds of the start time. */
const shakeKubernetesClient: Plugin = {
  name: 'shake-kubernetes-client',
  setup: (esbuild) => {
    esbuild.onResolve({ filter: /^@kubernetes\/client-node$/ }, async ({ path, pluginData, ...options }) => {
      if (pluginData === 'asked') return undefined;
      const { importer, namespace, resolveDir, kind } = options;
      const found = await esbuild.resolve(path, { importer, namespace, resolveDir, kind, pluginData: 'asked' });
      return { ...found, sideEffects: false };
    });
  },
};

/** CommonJS packages call `require`, which ES modules do not have. */
const requireForModules = `const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);`;

/** The functions start while an event waits, so they are one file; the other programs import it. */
const functionsApart: Plugin = {
  name: 'functions-apart',
  setup: (esbuild) => {
    esbuild.onResolve({ filter: /\/functions\/main\.ts$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: './functions.mjs', external: true },
    );
  },
};

type EntryPoints = Readonly<Record<string, string>>;

/** Bundles programs into ES modules with shared chunks; returns the files of the folder `app`. */
export const bundle = async ({ functions, ...others }: EntryPoints): Promise<readonly Entry[]> => [
  ...(functions === undefined ? [] : await modules({ functions })),
  ...(await modules(others, functions === undefined ? [] : [functionsApart])),
];

/** Names are not minified, so that stack traces are readable; with the compile cache that costs no time. */
const modules = async (entryPoints: EntryPoints, own: readonly Plugin[] = []): Promise<readonly Entry[]> => {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'app',
    outExtension: { '.js': '.mjs' },
    chunkNames: 'chunk-[hash]',
    bundle: true,
    write: false,
    format: 'esm',
    splitting: true,
    platform: 'node',
    target: 'node24',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'external',
    banner: { js: requireForModules },
    plugins: [shakeKubernetesClient, ...own, leanPackages, unreadBuiltins],
    logLevel: 'warning',
  });
  return outputFiles.map(({ path, contents }) => ({
    path: `app/${basename(path)}`,
    mode: 0o644,
    content: Buffer.from(contents),
  }));
};

/** The CRD beside the program that applies it. */
export const crdFile = async (): Promise<Entry> => ({
  path: 'app/imagecache.yaml',
  mode: 0o644,
  content: await readFile(join(root, 'crds/imagecache.yaml')),
});
