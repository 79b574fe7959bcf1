/** One row under a plan: whether it is eligible, its target row, and its key. */
import type {DeadLetterCode} from '../errors.ts';
import {holds, plainlyHolds} from './conditions.ts';
import type {EntityPlan} from './entities.ts';
import {PackedRow, type SourceRow} from './packed.ts';
import type {TablePlan} from './columns.ts';
import type {RowKey} from './key.ts';
import {isPlainlyValid, validate} from './validity.ts';
import type {Row} from './values.ts';

/** The verdict on a source row for one table: it is written, is not eligible, or is a dead letter with this code. */
export type Verdict = 'row' | 'ineligible' | DeadLetterCode;

/**
 * Judges one source row of an entity, without making the target row: that is done when it is written, so that
 * mapped rows use no memory while they wait. The applier checks whether its parents are replicated.
 */
export function judge(entity: EntityPlan, table: TablePlan, source: SourceRow): Verdict {
  if (source instanceof PackedRow && isPlainRow(entity, table, source)) return 'row';
  for (const condition of entity.where) if (!holds(condition, source)) return 'ineligible';
  return validate(table.fallible, source) ?? 'row';
}

/** Whether the bytes of a row alone show that it is written; no values are created. */
function isPlainRow({where}: EntityPlan, {fallible}: TablePlan, row: PackedRow): boolean {
  for (const condition of where) if (!plainlyHolds(condition, row)) return false;
  return isPlainlyValid(fallible, row);
}

/** The target row of a source row that {@link judge} lets pass. */
export function mapRow(table: TablePlan, source: SourceRow): Row {
  return table.columns.map(column => column.value(source));
}

/** The key of a source row; null where a part of it is null. */
export function sourceKey({key, keyPlaces}: EntityPlan, row: SourceRow): RowKey | null {
  return key.of(row, keyPlaces);
}

/** The key of a target row, in the order of the plan's columns. */
export function targetKey({key}: EntityPlan, {keyIndexes}: TablePlan, row: Row): RowKey {
  return key.of(row, keyIndexes) ?? '';
}
