/**
 * Handles old rows in the log of a system-versioned table (MariaDB). An UPDATE is logged as an UPDATE and an
 * INSERT of the old row, a DELETE as an UPDATE that ends the row. Pure.
 */
import type {TableSchema} from '../../src/mapping/schema.ts';
import type {RowChange} from '../events.ts';

const TIMESTAMP2 = 17;
const MICROSECONDS = 6;
/** The end of a current row's period: the last value that a TIMESTAMP can hold, of which there are two, by version. */
const LAST_SECONDS: ReadonlySet<number> = new Set([0x7fffffff, 0xffffffff]);
const LAST_MICROSECOND = 999_999;

interface Column {
  readonly name: string;
  readonly type: number;
  /** Fractional digits. */
  readonly decimals: number;
}

/**
 * Finds the column that ends a row's period. The two implicit columns are recognised by name and place, so that
 * events from before versioning was dropped are read correctly, too.
 *
 * @param schema the current schema
 * @returns -1 if the table keeps no old rows
 */
export function rowEndIndex(schema: TableSchema, columns: readonly Column[]): number {
  const last = columns.length - 1;
  const isImplicit =
    columns[last]?.name === 'row_end' &&
    columns[last - 1]?.name === 'row_start' &&
    !schema.columns.some(({name}) => name === 'row_end');
  const index = isImplicit ? last : columns.findIndex(({name}) => name === schema.rowEnd);
  const column = columns[index];
  return column?.type === TIMESTAMP2 && column.decimals === MICROSECONDS ? index : -1;
}

/** Whether a TIMESTAMP(6) in a row image is the end of an old row's period. */
export function isPast(buffer: Buffer, at: number): boolean {
  return !(LAST_SECONDS.has(buffer.readUInt32BE(at)) && buffer.readUIntBE(at + 4, 3) === LAST_MICROSECOND);
}

/** Returns what an event means for the current rows: no change, one change, or another one than it looks like. */
export function currentChange(change: RowChange, wasHistory: boolean, isHistory: boolean): RowChange[] {
  const before = wasHistory ? null : change.before;
  const after = isHistory ? null : change.after;
  if (before === null && after === null) return [];
  return [{...change, before, after}];
}
