/**
 * Checks the packages of a release for known vulnerabilities, by package-lock.json.
 *
 *   node deploy/audit.mjs        exit 0: none is known; 1: some are; 2: the registry did not answer
 *
 * A missing answer must not look like a clean one; `npm audit` distinguishes the two by its text only.
 */
import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = join(import.meta.dirname, '..');

/** @returns {{tag: 'clean', packages: number} | {tag: 'vulnerable', found: string[]} | {tag: 'unanswered', why: string}} */
export function audit(cwd = root) {
  const {stdout, error} = spawnSync('npm', ['audit', '--omit=dev', '--package-lock-only', '--json'], {
    cwd,
    encoding: 'utf8',
  });
  if (error !== undefined) return {tag: 'unanswered', why: error.message};
  let report;
  try {
    report = JSON.parse(stdout);
  } catch {
    return {tag: 'unanswered', why: 'npm returned no report'};
  }
  if (report.vulnerabilities === undefined || report.metadata === undefined)
    return {tag: 'unanswered', why: report.message ?? report.error?.summary ?? 'npm returned no report'};
  const found = Object.values(report.vulnerabilities).map(
    ({name, severity, via}) =>
      `${name} (${severity}): ${via.map(each => (typeof each === 'string' ? each : `${each.title} ${each.url}`)).join('; ')}`,
  );
  return found.length > 0
    ? {tag: 'vulnerable', found}
    : {tag: 'clean', packages: report.metadata.dependencies.prod};
}

/** Returns the message for a result, and the exit code. */
export function describe(result) {
  if (result.tag === 'clean')
    return {code: 0, text: `none of ${result.packages} packages is known to be vulnerable`};
  if (result.tag === 'vulnerable')
    return {code: 1, text: `known to be vulnerable:\n  ${result.found.join('\n  ')}`};
  return {code: 2, text: `the registry did not answer npm audit (${result.why}): nothing is known`};
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const {code, text} = describe(audit());
  process.stdout.write(`audit: ${text}\n`);
  process.exitCode = code;
}
