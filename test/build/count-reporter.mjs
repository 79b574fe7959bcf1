/**
 * A vitest reporter that writes the numbers of passed and failed tests, and what was left out and why, to the
 * file that LAAS_SYNC_COUNTS names.
 */
import {writeFileSync} from 'node:fs';

/** The list in which the set-up of the tests records what it leaves out (test/helpers/left-out.ts). */
const LEFT_OUT = Symbol.for('laas-sync.test.left-out');

export default class CountReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const path = process.env.LAAS_SYNC_COUNTS;
    if (path === undefined) return;
    const counts = {passed: 0, failed: 0};
    for (const module of modules) {
      let failedTests = 0;
      for (const test of module.children.allTests()) {
        const {state} = test.result();
        if (state === 'passed') counts.passed += 1;
        else if (state === 'failed') failedTests += 1;
      }
      // A file that could not be loaded, or whose hook failed, has no failed test of its own.
      counts.failed += failedTests === 0 && module.state() === 'failed' ? 1 : failedTests;
    }
    // An error outside of any test fails the run too.
    if (counts.failed === 0) counts.failed = unhandledErrors.length;
    const leftOut = [...(globalThis[LEFT_OUT] ?? []), ...skipped(modules)];
    writeFileSync(path, JSON.stringify({...counts, leftOut}));
  }
}

/** A line for each reason why tests were skipped. */
export function skipped(modules) {
  const ran = new Set();
  const waiting = [];
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const key = `${module.moduleId} ${withoutFlavour(test.fullName)}`;
      if (test.result().state !== 'skipped') ran.add(key);
      else waiting.push({key, why: reasonOf(test, module)});
    }
  }
  const byReason = new Map();
  // A test that is about one server only ran on that one, and was not left out.
  for (const {key, why} of waiting) if (!ran.has(key)) byReason.set(why, (byReason.get(why) ?? 0) + 1);
  return [...byReason].map(([why, count]) => `${count} ${count === 1 ? 'test' : 'tests'}: ${why}`);
}

/** `[mariadb]` and the like, which describeEachFlavour adds to the names of suites. */
const withoutFlavour = name => name.replaceAll(/ \[(?:mariadb|mysql)[^\]]*\]/g, '');

function reasonOf(test, module) {
  const {note} = test.result();
  if (note !== undefined) return note;
  if (module.state() === 'failed' && test.options.mode === 'run') return 'the set-up of their file failed';
  if (test.project.config.testNamePattern !== undefined)
    return 'their names are not those that were asked for';
  return `a condition that ${module.relativeModuleId} names is not met here`;
}
