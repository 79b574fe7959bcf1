/**
 * Reads that check the number of their rows. The driver reports only a lost connection: a limit of the session or
 * of a proxy silently truncates a result, and the missing rows would then be deleted.
 */
import {SyncError} from '../errors.ts';

/** Runs a statement and returns its rows. Values take the places of question marks. */
export type Query = (sql: string, values?: readonly unknown[]) => Promise<unknown[][]>;

/** A SELECT in parts, since its table and condition are needed twice. */
export interface Selection {
  readonly columns: string;
  readonly from: string;
  readonly where: string;
  /** The values of the condition. */
  readonly values?: readonly unknown[];
  readonly order?: string;
}

/** Rows may be inserted between an empty read and its count. That this happens each time is not a coincidence. */
const EMPTY_READS = 3;

/**
 * Reads all rows of a selection. The count is a column of the same statement, so that both see the same rows.
 *
 * @throws SyncError `read-incomplete` if rows are missing; what `query` throws
 */
export async function readCounted(query: Query, selection: Selection): Promise<unknown[][]> {
  const {columns, from, where, values = [], order} = selection;
  const count = `SELECT COUNT(*) FROM ${from} WHERE ${where}`;
  const sql = `SELECT ${columns}, (${count}) FROM ${from} WHERE ${where}${order === undefined ? '' : ` ORDER BY ${order}`}`;
  for (let reads = 0; reads < EMPTY_READS; reads++) {
    const rows = await query(sql, [...values, ...values]);
    let expected: unknown;
    for (const row of rows) expected = row.pop();
    if (rows.length > 0) {
      if (Number(expected) !== rows.length) throw incomplete(rows.length, Number(expected));
      return rows;
    }
    if (Number(onlyRow(await query(count, values))[0]) === 0) return [];
  }
  throw incomplete(0, null);
}

/**
 * The two statements of a read within one snapshot, in which both see the same rows: the rows, and their number.
 * Their answers go to {@link countedRows}. Pure.
 */
export function countedStatements({
  columns,
  from,
  where,
  order,
}: Omit<Selection, 'values'>): [string, string] {
  const ordered = order === undefined ? '' : ` ORDER BY ${order}`;
  return [
    `SELECT ${columns} FROM ${from} WHERE ${where}${ordered}`,
    `SELECT COUNT(*) FROM ${from} WHERE ${where}`,
  ];
}

/** @throws SyncError `read-incomplete` if rows are missing */
export function countedRows(rows: unknown[][], count: readonly unknown[][]): unknown[][] {
  const expected = Number(onlyRow(count)[0]);
  if (rows.length !== expected) throw incomplete(rows.length, expected);
  return rows;
}

/**
 * Reads rows without an order, of which there are often none: the count is a row of its own, so that an empty
 * result needs no second query.
 *
 * @throws SyncError `read-incomplete` if rows are missing; what `query` throws
 */
export async function readClosed(
  query: Query,
  {
    columns,
    from,
    where,
    values = [],
  }: Omit<Selection, 'columns' | 'order'> & {readonly columns: readonly string[]},
): Promise<unknown[][]> {
  const rows = `FROM ${from} WHERE ${where}`;
  const nothing = columns.map(() => 'NULL').join(', ');
  const answer = await query(
    `SELECT ${columns.join(', ')}, NULL ${rows} UNION ALL SELECT ${nothing}, COUNT(*) ${rows}`,
    [...values, ...values],
  );
  const isCount = (row: unknown[]) => row[columns.length] !== null;
  const expected = Number(onlyRow(answer.filter(isCount))[columns.length]);
  const found = answer.filter(row => !isCount(row));
  if (found.length !== expected) throw incomplete(found.length, expected);
  return found;
}

/**
 * Reads the row of a query that always returns one, as an aggregate without groups does.
 *
 * @throws SyncError `read-incomplete` if it is missing
 */
export function onlyRow(rows: readonly unknown[][]): unknown[] {
  const [row] = rows;
  if (row === undefined) throw incomplete(0, 1);
  return row;
}

function incomplete(received: number, expected: number | null): SyncError {
  const counted = expected === null ? 'some' : String(expected);
  return new SyncError(
    'read-incomplete',
    `a server counted ${counted} rows and sent ${received}: something between it and laas-sync truncates results`,
  );
}
