import { isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';

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
