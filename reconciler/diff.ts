/** Compares the rows of one batch on both sides. Pure: takes rows and returns differences by key. */
import type {TablePlan} from '../src/mapping/columns.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import {isSameValue} from '../src/mapping/families.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {judge, mapRow, sourceKey, targetKey} from '../src/mapping/row.ts';
import type {Row} from '../src/mapping/values.ts';

/** The result of the comparison, by key, for one table. */
export interface TableDiff {
  /** Equal on both sides. */
  readonly equal: RowKey[];
  readonly missing: RowKey[];
  readonly different: RowKey[];
  /** Eligible, but cannot be written to the target. */
  readonly invalid: RowKey[];
  /** In the target without an eligible source row. */
  readonly extra: RowKey[];
}

export interface DiffOptions {
  /** A target row that is newer than the source's does not count as a difference. */
  readonly newestWins: boolean;
}

/**
 * @param sources source rows by key; if several have one key, the one that counts
 * @param targets target rows by key, as the plan's select list gives them
 */
export function diffTable(
  entity: EntityPlan,
  table: TablePlan,
  sources: ReadonlyMap<RowKey, Row>,
  targets: ReadonlyMap<RowKey, Row>,
  {newestWins}: DiffOptions,
): TableDiff {
  const diff: TableDiff = {equal: [], missing: [], different: [], invalid: [], extra: []};
  const eligible = new Set<RowKey>();
  for (const [key, source] of sources) {
    const verdict = judge(entity, table, source);
    if (verdict === 'ineligible') continue;
    eligible.add(key);
    const target = targets.get(key);
    if (verdict !== 'row') diff.invalid.push(key);
    else if (target === undefined) diff.missing.push(key);
    else if (isEqual(table, mapRow(table, source), target, newestWins)) diff.equal.push(key);
    else diff.different.push(key);
  }
  for (const key of targets.keys()) if (!eligible.has(key)) diff.extra.push(key);
  return diff;
}

/** Returns the columns in which a source row and a target row differ. */
export function differingColumns(table: TablePlan, wanted: Row, found: Row): string[] {
  return table.columns
    .filter(({family}, i) => !isSameValue(family, wanted[i] ?? null, found[i] ?? null))
    .map(({name}) => name);
}

function isEqual(table: TablePlan, wanted: Row, found: Row, newestWins: boolean): boolean {
  return isSame(table, wanted, found) || (newestWins && isLater(table, found, wanted));
}

function isSame({columns}: TablePlan, wanted: Row, found: Row): boolean {
  return columns.every(({family}, i) => isSameValue(family, wanted[i] ?? null, found[i] ?? null));
}

function isLater({newestIndex}: TablePlan, a: Row, b: Row): boolean {
  // The timestamps of one column have one length, so that text order is time order.
  return newestIndex >= 0 && (a[newestIndex] ?? '') > (b[newestIndex] ?? '');
}

/** Indexes source rows by key; if several have one key, the first counts. */
export function bySourceKey(entity: EntityPlan, rows: readonly Row[]): Map<RowKey, Row> {
  const map = new Map<RowKey, Row>();
  for (const row of rows) {
    const key = sourceKey(entity, row);
    if (key !== null && !map.has(key)) map.set(key, row);
  }
  return map;
}

export function byTargetKey(entity: EntityPlan, table: TablePlan, rows: readonly Row[]): Map<RowKey, Row> {
  return new Map(rows.map(row => [targetKey(entity, table, row), row]));
}
