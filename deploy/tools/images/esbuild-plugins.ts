import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';

/** Packages that others load but never call, with the reason. */
const neverCalled = {
  'iconv-lite': 'request bodies are read raw, as UTF-8 only',
  qs: 'there are no forms and no nested queries',
  'thread-stream': 'the log goes to standard output, not to a worker',
} as const;

/** The media types that Express looks up. Sorting the other 2,500 would only slow each start. */
const mediaTypes = ['application/json', 'application/octet-stream', 'text/html', 'text/plain'] as const;

const isNeverCalled = (name: string): name is keyof typeof neverCalled => Object.hasOwn(neverCalled, name);

/** Throws if it is called after all; reading `__esModule` is allowed. */
const refusal = (name: keyof typeof neverCalled): string => {
  const reason = `the package ${name} is not in this program, as ${neverCalled[name]}`;
  return `const refuse = () => { throw new Error(${JSON.stringify(reason)}); };
module.exports = new Proxy(refuse, { get: (_, name) => (name === '__esModule' ? undefined : refuse()) });`;
};

/** Replaces json-bigint, which CE_USE_BIG_INT would make the CloudEvents SDK install for every JSON. */
const plainJson = 'module.exports = () => JSON;';

const contentsOf = (name: string): string => (isNeverCalled(name) ? refusal(name) : plainJson);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** mime-db without the types that are never looked up. */
const fewMediaTypes = async (path: string): Promise<string> => {
  const all: unknown = JSON.parse(await readFile(path, 'utf8'));
  const isAsked = (type: string): boolean => mediaTypes.some((each) => each === type);
  return JSON.stringify(Object.fromEntries(Object.entries(isRecord(all) ? all : {}).filter(([type]) => isAsked(type))));
};

const names = [...Object.keys(neverCalled), 'json-bigint'];

/** Omits what packages load but never use: half of a function's code, and a fifth of its start time. */
export const leanPackages: Plugin = {
  name: 'lean-packages',
  setup: (esbuild) => {
    esbuild.onResolve({ filter: new RegExp(`^(${names.join('|')})$`) }, ({ path }) => ({ path, namespace: 'lean' }));
    esbuild.onLoad({ filter: /.*/, namespace: 'lean' }, ({ path }) => ({ contents: contentsOf(path), loader: 'js' }));
    esbuild.onLoad({ filter: /mime-db\/db\.json$/ }, async ({ path }) => ({
      contents: await fewMediaTypes(path),
      loader: 'json',
    }));
  },
};

/**
 * Loads Node's modules without `import`, which would read every export: WebSocket of `node:http` makes Node load all of undici, a sixth of
 * a function's start time.
 */
export const unreadBuiltins: Plugin = {
  name: 'unread-builtins',
  setup: (esbuild) => {
    esbuild.onResolve({ filter: /^(node:)?[a-z_/0-9]+$/ }, ({ path, kind }) => {
      const isStatic = kind === 'import-statement' || kind === 'require-call';
      return isStatic && isBuiltin(path) ? { path, namespace: 'builtin', sideEffects: false } : undefined;
    });
    esbuild.onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
      loader: 'js',
    }));
  },
};
