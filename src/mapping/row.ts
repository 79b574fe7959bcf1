/** One row under a plan: whether it counts, what it becomes, and its key. */
import type {DeadLetterCode} from '../errors.ts';
import type {TablePlan} from './plan.ts';
import {cellOf, PackedRow, type SourceRow} from './packed.ts';
import {isPlainlyValid, validate} from './validity.ts';
import {isId, type Row} from './values.ts';

/** What becomes of a source row, by itself: a target row, nothing (it is not eligible), or a dead letter. */
export type Judged =
  | {readonly tag: 'row' | 'ineligible'; readonly key: string}
  | {readonly tag: 'dead-letter'; readonly key: string; readonly code: DeadLetterCode};

/**
 * Judges one source row, without making the target row: that is done when it is written, so that it does
 * not lie about in the meantime. Whether the parents of a membership are replicated is the applier's to
 * know.
 */
export function judge(plan: TablePlan, source: SourceRow): Judged {
  const key = keyOf(source, plan.sourceKeyIndexes);
  if (key === null) return {tag: 'ineligible', key: ''};
  const verdict = judgeValues(plan, source);
  return verdict === 'row' || verdict === 'ineligible'
    ? {tag: verdict, key}
    : {tag: 'dead-letter', key, code: verdict};
}

/** As {@link judge}, for a row whose key is known: it makes nothing. */
export function judgeValues(plan: TablePlan, source: SourceRow): 'row' | 'ineligible' | DeadLetterCode {
  if (source instanceof PackedRow && isPlainRow(plan, source)) return 'row';
  if (plan.flagIndex >= 0 && !plan.isFlagSet(cellOf(source, plan.flagIndex))) return 'ineligible';
  for (const index of plan.notNullIndexes) if (cellOf(source, index) === null) return 'ineligible';
  return validate(plan.fallible, source) ?? 'row';
}

const ONE = 49;

/** Whether a row is to be written, where its bytes tell at once; no values are made for it. */
function isPlainRow({flagIndex, notNullIndexes, fallible}: TablePlan, row: PackedRow): boolean {
  if (flagIndex >= 0 && (row.length(flagIndex) !== 1 || row.bytes[row.start(flagIndex)] !== ONE))
    return false;
  for (const index of notNullIndexes) if (row.isNull(index)) return false;
  return isPlainlyValid(fallible, row);
}

/** The target row of a source row that {@link judge} lets pass. */
export function mapRow(plan: TablePlan, source: SourceRow): Row {
  return plan.columns.map(column => column.value(source));
}

/** A row's key as text: one id, or two joined by a colon; null where an id is null. */
export function keyOf(row: SourceRow, indexes: readonly number[]): string | null {
  const first = cellOf(row, indexes[0] ?? 0);
  if (!isId(first)) return null;
  if (indexes.length === 1) return first;
  const second = cellOf(row, indexes[1] ?? 0);
  return isId(second) ? `${first}:${second}` : null;
}

export interface Pair {
  readonly instituteId: string;
  readonly userId: string;
}

/** The two ids of a membership; a row of values has them apart already, where bytes would have to be read again. */
export function pairOf(
  {sourceKeyIndexes: [first = 0, second = 1]}: TablePlan,
  key: string,
  row: SourceRow | null,
): Pair {
  if (row === null || row instanceof PackedRow) return splitPair(key);
  const [instituteId, userId] = [row[first], row[second]];
  return typeof instituteId === 'string' && typeof userId === 'string'
    ? {instituteId, userId}
    : splitPair(key);
}

/** The two ids of a membership's key. */
export function splitPair(key: string): Pair {
  const at = key.indexOf(':');
  return {instituteId: key.slice(0, at), userId: key.slice(at + 1)};
}
