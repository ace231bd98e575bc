import { defineConfig } from 'vitest/config';

/** Further tests, for a folder that these decide: they play whole functions and take much longer. */
const more = process.env['MUTATION_TESTS']?.split(',') ?? [];

/** What `npm run mutation` runs for each mutant: the tables of tests, without the random histories, which take seconds. */
export default defineConfig({
  test: {
    include: ['test/{functions/model,sources/{kubernetes,queue}}/**/*.test.ts', ...more],
    exclude: ['test/**/*{laws,.quiet,.cluster}.test.ts'],
    setupFiles: 'test/support/fixed-seed.ts',
    testTimeout: 20_000,
    isolate: false, // loading modules takes longer than the tests of a mutant
  },
});
