/** Formats findings as a table for people and as JSON for machines. Pure. */
import {countMustFix, type Finding, type Level} from './findings.ts';

const MARKS: Readonly<Record<Level, string>> = {ok: 'ok', warning: 'warning', 'must-fix': 'MUST FIX'};

/** The field `mend` is the earlier name of `fix`: programs may read it. */
export function toJson(findings: readonly Finding[]): string {
  const warnings = findings.filter(({level}) => level === 'warning').length;
  const named = findings.map(finding => ({...finding, mend: finding.fix}));
  return `${JSON.stringify({mustFix: countMustFix(findings), warnings, findings: named}, null, 2)}\n`;
}

/** One line for each finding; for those that need action, also the reason and the fix. */
export function toTable(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({check}) => check.length), 0);
  const blocks = findings.map(({side, check, level, message, why, fix}) => {
    const lines = [`${MARKS[level].padEnd(8)}  ${side.padEnd(6)}  ${check.padEnd(width)}  ${message}`];
    const indent = ' '.repeat(20 + width);
    if (level !== 'ok')
      lines.push(
        `${indent}why:  ${why}`,
        `${indent}fix:  ${(fix ?? '').replaceAll('\n', `\n${indent}      `)}`,
      );
    return lines.join('\n');
  });
  return `${blocks.join('\n')}\n\n${summary(findings)}\n`;
}

function summary(findings: readonly Finding[]): string {
  const mustFix = countMustFix(findings);
  const warnings = findings.filter(({level}) => level === 'warning').length;
  const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`;
  return mustFix > 0
    ? `${mustFix} must be fixed, ${plural(warnings, 'warning')}`
    : `nothing must be fixed, ${plural(warnings, 'warning')}`;
}
