/** A vitest reporter that leaves the number of passed and failed tests in the file that LAAS_SYNC_COUNTS names. */
import {writeFileSync} from 'node:fs';

export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = {passed: 0, failed: 0, skipped: 0};
    for (const module of modules) {
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const {state} = test.result();
        if (state === 'passed') counts.passed += 1;
        else if (state === 'failed') failedTests += 1;
        else counts.skipped += 1;
      }
      // A file that could not be loaded, or whose hook failed, has no failed test of its own.
      counts.failed += failedTests === 0 && module.state() === 'failed' ? 1 : failedTests;
    }
    // An error outside of any test fails the run too.
    if (counts.failed === 0) counts.failed = unhandledErrors.length;
    const path = process.env.LAAS_SYNC_COUNTS;
    if (path !== undefined) writeFileSync(path, JSON.stringify(counts));
  }
}
