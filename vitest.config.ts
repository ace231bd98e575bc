import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The behaviour suite waits for most of its time: begun first, it has all the rest beside it. */
class BehaviourFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isBehaviour = ({ moduleId }: TestSpecification): boolean => moduleId.includes('/behaviour/');
    return [...sorted.filter(isBehaviour), ...sorted.filter((file) => !isBehaviour(file))];
  }
}

/**
 * Three rings: fast needs Node only, and quiet is what of it measures a time, run when the rest is done;
 * cluster a real control plane with simulated nodes; nodes real kubelets and root; knative the same with a real Knative.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: BehaviourFirst },
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{cluster,nodes,knative,quiet}.test.ts'],
          testTimeout: 20_000,
          maxWorkers: Math.max(3, availableParallelism()), // much of it is waiting
        },
      },
      {
        test: {
          name: 'quiet',
          include: ['test/**/*.quiet.test.ts'],
          testTimeout: 20_000,
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
