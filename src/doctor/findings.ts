/** The doctor's findings: plain data for a table, for JSON, and for the refusal to stream. */
import type {Side} from '../db/connection.ts';
import type {TypeFault} from '../mapping/type-faults.ts';

/** `must-fix`: laas-sync cannot work, or would work incorrectly. `warning`: it works, with the named loss. */
export type Level = 'ok' | 'warning' | 'must-fix';

export interface Finding {
  readonly side: Side;
  /** A stable name, for machines: `binlog-format`, `privilege-needed`. */
  readonly check: string;
  readonly level: Level;
  /** What was found. Never a row's value, never a password. */
  readonly message: string;
  /** Why it matters; empty if all is well. */
  readonly why: string;
  /** The exact SQL or setting that fixes it; null if nothing needs a fix. */
  readonly fix: string | null;
}

interface Fault {
  readonly message: string;
  readonly why: string;
  readonly fix: string;
}

export function ok(side: Side, check: string, message: string, why = ''): Finding {
  return {side, check, level: 'ok', message, why, fix: null};
}

export function warning(side: Side, check: string, fault: Fault): Finding {
  return {side, check, level: 'warning', ...fault};
}

export function mustFix(side: Side, check: string, fault: Fault): Finding {
  return {side, check, level: 'must-fix', ...fault};
}

const TYPE_WHY = {
  source: 'the log, a SELECT and a condition in SQL would read it differently',
  target: 'it does not return what was written to it',
} as const;

/** A column whose type cannot be mapped. */
export function typeFinding({side, table, column, definition, reason, fix}: TypeFault): Finding {
  return mustFix(side, `${side}-columns`, {
    message: `${table}.${column} is ${definition}, which cannot be mapped`,
    why: `${TYPE_WHY[side]}: ${reason}`,
    fix,
  });
}

export function countMustFix(findings: readonly Finding[]): number {
  return findings.filter(({level}) => level === 'must-fix').length;
}
