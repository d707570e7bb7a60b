import type { Reporter, TestModule } from 'vitest/node';

/** Prints `N passed, N failed, N skipped` as the last line of the run, alone, for scripts to read. */
export default class ClosingLineReporter implements Reporter {
  #modules: readonly TestModule[] = [];

  onTestRunEnd(modules: readonly TestModule[]): void {
    this.#modules = modules;
    // After the other reporters' summaries.
    process.once('exit', () => process.stdout.write(`\n${this.#line()}\n`));
  }

  #line(): string {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of this.#modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) {
        const { state } = test.result();
        if (state !== 'pending') count[state] += 1;
      }
      // A file that cannot be loaded has no tests and still fails.
      if (tests.length === 0 && module.state() === 'failed') count.failed += 1;
    }
    return `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`;
  }
}
