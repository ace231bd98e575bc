import type { Reporter, TestCase } from 'vitest/node';

/** Tells of each test that passed only when it was tried again, in one line that .ci/run looks for. */
export class ToldRetries implements Reporter {
  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky === true)
      process.stdout.write(`passed at the second try: ${test.project.name}, ${test.fullName}\n`);
  }
}
