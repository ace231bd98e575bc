import { readFile } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';

/** Packages that are loaded with others and never called, and why not. */
const neverCalled = {
  'iconv-lite': 'bodies are taken raw, and read as UTF-8 or refused',
  qs: 'there are no forms, and queries are not nested',
  'thread-stream': 'the log goes to standard output, not to a worker',
} as const;

/** The media types that Express is asked for by name, or falls back to. The others of 2,500 are sorted at each start for nothing. */
const mediaTypes = ['application/json', 'application/octet-stream', 'text/html', 'text/plain'] as const;

const isNeverCalled = (name: string): name is keyof typeof neverCalled => Object.hasOwn(neverCalled, name);

/** Says so if it is called all the same. To be asked what kind of module it is does not count. */
const refusal = (name: keyof typeof neverCalled): string => {
  const reason = `the package ${name} is not in this program, as ${neverCalled[name]}`;
  return `const refuse = () => { throw new Error(${JSON.stringify(reason)}); };
module.exports = new Proxy(refuse, { get: (_, name) => (name === '__esModule' ? undefined : refuse()) });`;
};

/** What the CloudEvents SDK would read texts with, of which it gets none, if CE_USE_BIG_INT said so; and put in JSON's place for all. */
const plainJson = 'module.exports = () => JSON;';

const contentsOf = (name: string): string => (isNeverCalled(name) ? refusal(name) : plainJson);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** mime-db, but for what is never asked of it. */
const fewMediaTypes = async (path: string): Promise<string> => {
  const all: unknown = JSON.parse(await readFile(path, 'utf8'));
  const isAsked = (type: string): boolean => mediaTypes.some((each) => each === type);
  return JSON.stringify(Object.fromEntries(Object.entries(isRecord(all) ? all : {}).filter(([type]) => isAsked(type))));
};

const names = [...Object.keys(neverCalled), 'json-bigint'];

/** Leaves out what packages bring along and a program never comes to: half of a function's text, and a fifth of its start. */
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
 * Node's own modules, taken as they are. An `import` of one reads everything that it exports, of `node:http` also WebSocket, for which
 * Node loads the whole of undici: a sixth of a function's start.
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
