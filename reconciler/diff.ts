/** Compares the rows of one batch on both sides. Pure: rows in, differences by key out. */
import type {Plan, TablePlan} from '../src/mapping/plan.ts';
import {judge, keyOf, mapRow} from '../src/mapping/row.ts';
import type {TargetTable} from '../src/mapping/tables.ts';
import type {Row} from '../src/mapping/values.ts';

/** How the keys of one table stand. */
export interface TableDiff {
  /** In order on both sides. */
  readonly equal: string[];
  readonly missing: string[];
  readonly different: string[];
  /** Eligible, but cannot be written. */
  readonly invalid: string[];
  /** On the target without an eligible source row. */
  readonly extra: string[];
}

export interface DiffOptions {
  /** A target row that is later than the source's is no difference. */
  readonly newestWins: boolean;
}

/**
 * @param sources source rows by key; of several for one key, the one that counts
 * @param targets target rows as the plan's select list gives them
 */
export function diffTable(
  plan: TablePlan,
  sources: ReadonlyMap<string, Row>,
  targets: readonly Row[],
  {newestWins}: DiffOptions,
): TableDiff {
  const diff: TableDiff = {equal: [], missing: [], different: [], invalid: [], extra: []};
  const there = new Map<string, Row>();
  for (const row of targets) there.set(keyOf(row, plan.keyIndexes) ?? '', row);
  for (const [key, source] of sources) {
    const judged = judge(plan, source);
    const target = there.get(key);
    switch (judged.tag) {
      case 'ineligible':
        continue;
      case 'dead-letter':
        diff.invalid.push(key);
        break;
      case 'row':
        if (target === undefined) diff.missing.push(key);
        else if (isEqual(plan, mapRow(plan, source), target, newestWins)) diff.equal.push(key);
        else diff.different.push(key);
        break;
    }
    there.delete(key);
  }
  for (const key of there.keys()) diff.extra.push(key);
  return diff;
}

function isEqual(plan: TablePlan, wanted: Row, found: Row, newestWins: boolean): boolean {
  return isSame(plan, wanted, found) || (newestWins && isLater(plan, found, wanted));
}

function isSame(plan: TablePlan, wanted: Row, found: Row): boolean {
  return plan.columns.every(({kind}, i) => {
    const a = wanted[i] ?? null;
    const b = found[i] ?? null;
    return a === b || (kind === 'integer' && a !== null && b !== null && BigInt(a) === BigInt(b));
  });
}

function isLater(plan: TablePlan, a: Row, b: Row): boolean {
  // Dates of one column have one length, so that text order is time order.
  return (a[plan.updatedAtIndex] ?? '') > (b[plan.updatedAtIndex] ?? '');
}

/** Source rows by the key that they have on the target; of several, the first counts. */
export function byTargetKey(plan: Plan, table: TargetTable, rows: readonly Row[]): Map<string, Row> {
  const map = new Map<string, Row>();
  for (const row of rows) {
    const key = keyOf(row, plan.tables[table].sourceKeyIndexes);
    if (key !== null && !map.has(key)) map.set(key, row);
  }
  return map;
}
