import js from '@eslint/js';
import type { Linter } from 'eslint';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** zod is small only as a namespace of its mini build. */
const zodNamespaceOnly = {
  selector:
    'ImportDeclaration[source.value="zod"], ImportDeclaration[source.value="zod/mini"] :matches(ImportSpecifier, ImportDefaultSpecifier)',
  message: "import * as z from 'zod/mini': anything else is 30 times as large.",
};

/** The rooms of the model, lowest first: a room imports only from rooms above it in this list. Pull and removal do not know each other. */
const modelRooms = {
  text: [],
  cache: ['text'],
  node: ['text', 'cache'],
  job: ['text', 'cache', 'node'],
  workload: ['text', 'cache', 'node'],
  found: ['text', 'cache', 'node', 'workload'],
  desired: ['text', 'cache', 'node', 'job', 'workload'],
  status: ['text', 'cache', 'desired'],
  knative: ['text', 'cache', 'node', 'job', 'workload', 'desired'],
  round: ['text', 'cache', 'node', 'job', 'desired'],
  start: ['text', 'cache', 'node', 'job', 'desired'],
  pull: ['text', 'cache', 'node', 'job', 'workload', 'desired', 'round', 'start'],
  removal: ['text', 'cache', 'node', 'job', 'desired', 'round'],
  report: ['text', 'cache', 'desired', 'round', 'removal'],
} as const;

/** What each room of the runtime may import of the others. */
const runtimeRooms = {
  api: [],
  process: [],
  config: [],
  registry: ['api', 'config'],
  cluster: ['api'],
  http: ['api'],
  'kube-fledged': ['api'],
  drive: ['api', 'registry'],
} as const;

/** One arrow of the architecture: what files of a folder may import. Types may come from anywhere. */
const mayImportOnly = (allowed: string, message: string): Linter.RulesRecord => ({
  '@typescript-eslint/no-restricted-imports': [
    'error',
    { patterns: [{ regex: `^(?!${allowed})`, allowTypeImports: true, message }] },
  ],
});

const notFrom = (forbidden: string, message: string): Linter.RulesRecord => ({
  '@typescript-eslint/no-restricted-imports': ['error', { patterns: [{ regex: forbidden, message }] }],
});

const modelRoom = ([room, below]: [string, readonly string[]]): Linter.Config => ({
  files: [`functions/model/${room}/**/*.ts`],
  rules: mayImportOnly(
    `(\\./|#model/(${[room, ...below].join('|')})/|#model/plan\\.ts$|node:crypto$|zod/mini$)`,
    `model/${room} may import ${below.join(', ') || 'no other room'}.`,
  ),
});

const runtimeRoom = ([room, below]: [string, readonly string[]]): Linter.Config => {
  const outside = '(sources/|deploy/|\\.\\./(reconcile|job-complete|refresh|purge|main))';
  const otherRooms = `#runtime/(?!(${[room, ...below].join('|')})/|[a-z-]+\\.ts$)`;
  const message = `runtime/${room} may import the model and ${below.join(', ') || 'no other room'}.`;
  return {
    files: [`functions/runtime/${room}/**/*.ts`],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        { patterns: [{ regex: `(${outside}|${otherRooms})`, allowTypeImports: true, message }] },
      ],
    },
  };
};

export default defineConfig(
  globalIgnores(['dist/', 'coverage/', 'node_modules/']),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-else-return': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-definitions': ['error', 'type'],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      'no-restricted-syntax': ['error', zodNamespaceOnly],
    },
  },
  {
    files: ['functions/model/**/*.ts'],
    rules: {
      ...mayImportOnly(
        '(\\./|#model/|node:crypto$|zod/mini$)',
        'model is pure: it imports itself and types, nothing else.',
      ),
      'no-restricted-globals': [
        'error',
        ...['process', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'crypto', 'performance', 'console'],
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random' },
        { object: 'Date', property: 'now' },
      ],
      'no-restricted-syntax': [
        'error',
        zodNamespaceOnly,
        {
          selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
          message: 'model is pure: the time is passed in.',
        },
        { selector: 'ImportExpression', message: 'model is pure: no dynamic import.' },
        { selector: ':function[async=true]', message: 'model is pure: nothing in it is asynchronous.' },
      ],
    },
  },
  ...Object.entries(modelRooms).map(modelRoom),
  ...Object.entries(runtimeRooms).map(runtimeRoom),
  {
    files: ['functions/runtime/cluster/*.ts'],
    // Cluster is what its factories return: to declare the type of each as well would write every call twice.
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    files: ['functions/*.ts'],
    rules: notFrom('(sources/|deploy/)', 'functions know model and runtime only.'),
  },
  {
    files: ['functions/removal/**/*.ts'],
    rules: notFrom('(#runtime/|sources/|deploy/|\\.\\./)', 'the program of removal Jobs knows the model only.'),
  },
  {
    files: ['sources/**/*.ts'],
    rules: notFrom(
      '(deploy/|functions/(reconcile|job-complete|refresh|purge|main|handlers))',
      'sources know model and runtime only; events reach functions through a sink.',
    ),
  },
  {
    files: ['deploy/simulator/**/*.ts'],
    rules: notFrom(
      '(#|functions/|sources/|standalone/|plugin/|tools/|(\\.\\./)+test/)',
      'the simulator is a package of its own, which is spoken to over HTTP; it knows nothing of ours.',
    ),
  },
  {
    files: ['**/*.ts'],
    ignores: ['deploy/simulator/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { regex: '^\\..*simulator/.*\\.ts$', message: 'Import @imagecache-functions/simulator or its /testing.' },
          ],
        },
      ],
    },
  },
  {
    files: ['deploy/plugin/**/*.ts'],
    rules: notFrom(
      '(sources/|standalone/|simulator/|functions/(reconcile|job-complete|refresh|purge|main))',
      'the kubectl plugin knows model and runtime only.',
    ),
  },
  {
    files: ['functions/**/*.ts', 'sources/**/*.ts', 'deploy/**/*.ts'],
    ignores: ['deploy/simulator/**/*.ts'], // frozen
    rules: { '@typescript-eslint/max-params': ['error', { max: 5 }] },
  },
  {
    files: ['test/oracle/{rules/*,rules,truth,ending}.ts'],
    rules: notFrom(
      '(#model/|#runtime/|functions/|sources/|deploy/)',
      'the rules of the oracle read the cluster, and know nothing of the product.',
    ),
  },
  {
    files: ['test/**/*.ts', 'deploy/simulator/test/*.ts', '*.config.ts'],
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    files: ['sources/status-page/assets/*.js', 'test/sources/status-page/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        'window document location history fetch AbortSignal CSS URLSearchParams setTimeout getComputedStyle'
          .split(' ')
          .map((name) => [name, 'readonly']),
      ),
    },
    rules: {
      'no-else-return': 'error',
      eqeqeq: 'error',
      'no-restricted-properties': ['error', { property: 'innerHTML' }],
    },
  },
  { files: ['**/*.mjs'], languageOptions: { globals: { process: 'readonly', console: 'readonly' } } },
);
