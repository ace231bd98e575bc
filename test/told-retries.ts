import type { Reporter, TestCase } from 'vitest/node';

/** Tells of each test that passed only when it was tried again, and why, in one line that .ci/run looks for. */
export class ToldRetries implements Reporter {
  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky !== true) return;
    const why = (test.result().errors ?? []).map(({ message }) => message.replace(/\s+/g, ' ').slice(0, 300));
    process.stdout.write(`passed at the second try: ${test.project.name}, ${test.fullName}: ${why.join('; ')}\n`);
  }
}
