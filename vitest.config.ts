import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { compileCache } from './test/support/compile-cache.ts';
import { oneFileClient } from './test/support/kubernetes-client/one-file.ts';

/**
 * The files that take longest, first, in turn those that compute and those that wait. Then the behaviour suites, which
 * on a control plane measure writes and Jobs and so need a lab that no other file has used.
 */
const longest = [
  'behaviour/behaviour.test.ts',
  'plugin/plugin.test.ts',
  'docs/commands.test.ts',
  'chaos/chaos.test.ts',
  'standalone/try-out.test.ts',
  'oracle/oracle.test.ts',
  'docs/troubles.test.ts',
  'status-page/page.test.ts',
  'simulator/test/kubectl.test.ts',
  'security/attack-command.test.ts',
  'images/images-bundle.test.ts',
  'model/laws.test.ts',
  'functions/removal/main.test.ts',
  'release/sbom.test.ts',
  'standalone/main.test.ts',
  'standalone/stop.test.ts',
  'openfaas/functions.test.ts',
  'http/serve.test.ts',
  'api/create-api.test.ts',
  'sources/main.test.ts',
  'security/http.test.ts',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = longest.findIndex((name) => moduleId.endsWith(name));
      if (place !== -1) return place;
      return moduleId.includes('/behaviour/') ? longest.length : longest.length + 1;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

/** Node loads the sources as it does in production, in a fifth less time than Vite. */
const loadedByNode = {
  env: { ...compileCache, NODE_OPTIONS: oneFileClient }, // for programs that tests run
  execArgv: [oneFileClient],
  globalSetup: 'test/support/kubernetes-client/one-file.ts',
  experimental: { viteModuleRunner: false, nodeLoader: false },
};

/**
 * fast needs only Node; quiet, which measures times, runs after it in test:all; cluster needs a real control plane with simulated nodes;
 * nodes needs real kubelets and root; knative needs both and a real Knative.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'fast',
          include: ['{test,deploy/simulator/test}/**/*.test.ts'],
          exclude: ['test/**/*.{cluster,nodes,knative,quiet}.test.ts'],
          testTimeout: 20_000,
          hookTimeout: 60_000, // the first that needs the product's programs builds them
          ...loadedByNode,
          isolate: false, // no test changes a module's state; loading modules once per worker takes a quarter off the time
          maxWorkers: Math.max(4, availableParallelism()), // many files mostly wait: with 3 on two cores a third of their time is idle
        },
      },
      {
        test: {
          name: 'quiet',
          include: ['test/**/*.quiet.test.ts'],
          testTimeout: 20_000,
          ...loadedByNode,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/**/*.cluster.test.ts'],
          globalSetup: 'test/cluster/global-setup.ts',
          testTimeout: 180_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'nodes',
          include: ['test/**/*.nodes.test.ts'],
          globalSetup: 'test/cluster/global-setup.ts',
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'knative',
          include: ['test/**/*.knative.test.ts'],
          globalSetup: 'test/cluster/global-setup.ts',
          testTimeout: 900_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
