/** Builds the SQL that writes the target, as text: the only place where values enter SQL. Pure. */
import {quoteName} from '../mapping/quote.ts';
import type {ColumnPlan, TablePlan} from '../mapping/columns.ts';
import type {EntityPlan} from '../mapping/entities.ts';
import {isNumeric} from '../mapping/families.ts';
import type {RowKey} from '../mapping/key.ts';
import {isWrittenAlike, looseKeyColumns, targetOperands} from '../mapping/key-columns.ts';
import {bytesLiteral} from '../mapping/operators/operator.ts';
import {PackedRow, type SourceRow} from '../mapping/packed.ts';
import type {ColumnSchema} from '../mapping/schema.ts';
import type {BulkRows} from '../db/bulk.ts';
import {SqlText} from './sql-text.ts';

/** Numbers are written without quotes, because a BIT column takes quoted digits as bytes. */
function isWrittenAsNumber({family}: ColumnPlan): boolean {
  return isNumeric(family) && family !== 'float';
}

/** How a column's value stands in a statement. */
type Form = 'number' | 'json' | 'literal';

function formOf(column: ColumnPlan): Form {
  if (isWrittenAsNumber(column)) return 'number';
  return column.schema.type === 'json' ? 'json' : 'literal';
}

/** An expression that fails with error 1242 when it is evaluated, whatever the column's type. */
const FAILS = '(SELECT 1 UNION SELECT 2)';
/**
 * The character sets that do not contain ASCII as it is. For a column of these, a server converts {@link FAILS}
 * before the statement runs, so that each row would fail. In the column's own character set there is nothing to
 * convert.
 */
const UNLIKE_ASCII: ReadonlySet<string> = new Set(['ucs2', 'utf16', 'utf16le', 'utf32', 'sjis', 'swe7']);

/** MariaDB combines a column of these types with a text, and with no number. */
const ADDRESSES: ReadonlySet<string> = new Set(['uuid', 'inet4', 'inet6']);

function failsFor(schema: ColumnSchema | undefined): string {
  if (schema !== undefined && ADDRESSES.has(schema.type)) return "(SELECT '1' UNION SELECT '2')";
  const charset = schema?.charset;
  if (charset == null || !UNLIKE_ASCII.has(charset)) return FAILS;
  return `(SELECT CONVERT('1' USING ${charset}) UNION SELECT CONVERT('2' USING ${charset}))`;
}

export interface UpsertOptions {
  /** Keep a target row that is newer than the row to be written, by the column that the mapping calls `newest`. */
  readonly newestWins: boolean;
  /** The rows are known to be in the target, so that they use up no number of its AUTO_INCREMENT column. */
  readonly arePresent?: boolean;
}

/** The size limit of one statement. */
export interface StatementSize {
  readonly rows: number;
  readonly bytes: number;
}

/**
 * Maps source rows and appends one statement that inserts or updates them by the mapped key: as many rows as
 * its size allows, and at least one.
 *
 * ON DUPLICATE KEY UPDATE reacts to any unique key: after a conflict in another one, it would change the
 * *other* row. It also reacts to a key that the collation considers equal to another one. The first assignment
 * turns both cases into error 1242, so that the statement does nothing. A NULL would not work, because both
 * servers silently convert NULL to 0 in an AUTO_INCREMENT column.
 *
 * @param from the index in `rows` at which to begin
 * @returns the index at which the next statement begins
 */
export function appendUpsert(
  text: SqlText,
  plan: TablePlan,
  rows: readonly {readonly source: SourceRow}[],
  from: number,
  size: StatementSize,
  options: UpsertOptions,
): number {
  const {head, tail, forms, lookup} = upsertFrame(plan, options);
  const {columns} = plan;
  const limit = text.length + size.bytes;
  text.sql(head);
  let at = from;
  do {
    const {source} = rows[at] ?? {source: []};
    text.sql(at === from ? '(' : ',(');
    for (const {sql, column} of lookup) {
      text.sql(sql);
      if (column !== null) appendKey(text, column, source);
    }
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i];
      if (column === undefined) continue;
      if (i > 0) text.sql(',');
      const form = forms[i];
      if (form === 'number') text.number(column.written(source));
      else if (form === 'json') text.json(column.written(source));
      else if (source instanceof PackedRow) column.write(source, text);
      else text.value(column.written(source));
    }
    text.sql(')');
    at++;
  } while (at < rows.length && at - from < size.rows && text.length < limit);
  text.sql(tail);
  return at;
}

function appendKey(text: SqlText, column: ColumnPlan, source: SourceRow): void {
  if (isWrittenAsNumber(column)) text.number(column.written(source));
  else text.value(column.written(source));
}

/**
 * Returns the statement of {@link appendUpsert} for one row, with placeholders; null if values must be sent as
 * text.
 */
export function preparedUpsert(plan: TablePlan, options: UpsertOptions): string | null {
  return upsertFrame(plan, options).prepared;
}

/**
 * Maps source rows and appends their values for {@link preparedUpsert}.
 *
 * @param from the index in `rows` at which to begin
 * @returns the index at which the next packet begins
 */
export function appendRows(
  packet: BulkRows,
  plan: TablePlan,
  rows: readonly {readonly source: SourceRow}[],
  from: number,
  size: StatementSize,
): number {
  const {columns} = plan;
  let at = from;
  for (; at < rows.length && at - from < size.rows && packet.length < size.bytes; at++) {
    const {source} = rows[at] ?? {source: []};
    if (source instanceof PackedRow) for (const column of columns) column.write(source, packet);
    else for (const column of columns) packet.value(column.written(source));
  }
  return at;
}

/** Returns the statements that {@link appendUpsert} builds of all rows. */
export function* upserts(
  plan: TablePlan,
  rows: readonly {readonly source: SourceRow}[],
  size: StatementSize,
  options: UpsertOptions,
): Generator<string> {
  const text = new SqlText();
  for (let at = 0; at < rows.length;) {
    at = appendUpsert(text, plan, rows, at, size, options);
    yield text.take();
  }
}

interface UpsertFrame {
  readonly names: readonly string[];
  readonly head: string;
  readonly tail: string;
  readonly prepared: string | null;
  /** By column. */
  readonly forms: readonly Form[];
  /** The text before a row's values, in pieces that each end before a key part. */
  readonly lookup: readonly Piece[];
}

interface Piece {
  readonly sql: string;
  readonly column: ColumnPlan | null;
}

/** Built once for each plan and each choice of options. */
const FRAMES = new Map<string, WeakMap<TablePlan, UpsertFrame>>();

function upsertFrame(plan: TablePlan, {newestWins, arePresent = false}: UpsertOptions): UpsertFrame {
  const choice = `${newestWins} ${arePresent}`;
  let frames = FRAMES.get(choice);
  if (frames === undefined) FRAMES.set(choice, (frames = new WeakMap()));
  let frame = frames.get(plan);
  if (frame === undefined) frames.set(plan, (frame = makeFrame(plan, {newestWins, arePresent})));
  return frame;
}

/**
 * The value that a row already has in the AUTO_INCREMENT column. An INSERT without it uses up a number even if it
 * only updates a row. Without such a row the result is NULL, and the row gets a new number. It is read with the
 * lock that the update takes: a shared lock first would cause deadlocks with other writers of the row.
 */
function surrogateLookup(plan: TablePlan, surrogate: string): Piece[] {
  const keys = plan.keyIndexes.flatMap(index => plan.columns[index] ?? []);
  const start = `(SELECT ${quoteName(surrogate)} FROM ${quoteName(plan.target)} present WHERE `;
  return [
    ...keys.map((column, i) => ({
      sql: `${i === 0 ? start : ' AND '}${quoteName(column.name)} = `,
      column,
    })),
    {sql: ' FOR UPDATE),', column: null},
  ];
}

function makeFrame(plan: TablePlan, options: UpsertOptions): UpsertFrame {
  // Without a column that shows which row is newer, the source's row is.
  const newestWins = options.newestWins && plan.newestIndex >= 0;
  const names = plan.columns.map(column => quoteName(column.name));
  const keys = plan.keyIndexes.map(index => names[index] ?? '');
  const isSameRow = [
    ...keys.map(key => `${key} = VALUES(${key})`),
    ...looseKeyColumns(plan).map(({name}) => isWrittenAlike(quoteName(name), `VALUES(${quoteName(name)})`)),
  ].join(' AND ');
  const first = keys[0] ?? '';
  const fails = failsFor(plan.columns[plan.keyIndexes[0] ?? 0]?.schema);
  const updated = names[plan.newestIndex] ?? '';
  const assignments = names
    .filter(name => !keys.includes(name))
    // The deciding column is assigned last, because assignments see those before them.
    .toSorted((a, b) => Number(a === updated) - Number(b === updated))
    .map(name => {
      const value = `VALUES(${name})`;
      return `${name} = ${newestWins ? `IF(${updated} > VALUES(${updated}), ${name}, ${value})` : value}`;
    });
  const surrogate = options.arePresent === true ? plan.surrogate : null;
  const inserted = surrogate === null ? names : [quoteName(surrogate), ...names];
  const head = `INSERT INTO ${quoteName(plan.target)} (${inserted.join(',')}) VALUES `;
  const tail = ` ON DUPLICATE KEY UPDATE ${[`${first} = IF(${isSameRow}, ${first}, ${fails})`, ...assignments].join(', ')}`;
  // A BIT column takes quoted digits as bytes, and a YEAR column takes the text 0 for the year 2000.
  const needsNumbers = plan.columns.some(({schema}) => schema.type === 'bit' || schema.type === 'year');
  return {
    names: inserted,
    head,
    tail,
    prepared: needsNumbers || surrogate !== null ? null : `${head}(${names.map(() => '?').join(',')})${tail}`,
    forms: plan.columns.map(formOf),
    lookup: surrogate === null ? [] : surrogateLookup(plan, surrogate),
  };
}

/**
 * Deletes the rows with exactly these keys, and no row whose key the server only considers equal to one of
 * them.
 */
export function deleteByKeys({key}: EntityPlan, table: TablePlan, keys: readonly RowKey[]): string {
  const condition = key.condition(keys, targetOperands(table, table.key));
  const loose = looseKeyColumns(table);
  const statement = `DELETE FROM ${quoteName(table.target)} WHERE `;
  if (loose.length === 0) return statement + condition;
  const texts = loose.map(({name}) => `CAST(CONVERT(${quoteName(name)} USING utf8mb4) AS BINARY)`);
  const wanted = keys.map(one => {
    const parts = key.split(one);
    const own = loose.map(({name, cutsEnd}) => {
      const part = parts[table.key.indexOf(name)] ?? '';
      return bytesLiteral(cutsEnd ? part.replace(/ +$/, '') : part);
    });
    return `(${own.join(', ')})`;
  });
  return `${statement}(${condition}) AND (${texts.join(', ')}) IN (${wanted.join(', ')})`;
}

/** Returns the statement of {@link appendUpsert} for no rows: it needs the same privileges, and fires no trigger. */
export function upsertOfNothing(plan: TablePlan, options: UpsertOptions): string {
  const {names, tail} = upsertFrame(plan, options);
  return `INSERT INTO ${quoteName(plan.target)} (${names.join(',')}) SELECT ${names.map(() => 'NULL').join(',')} FROM DUAL WHERE 1 = 0${tail}`;
}

export function deleteOfNothing(plan: TablePlan): string {
  return `DELETE FROM ${quoteName(plan.target)} WHERE 1 = 0`;
}

/** Splits rows, in their order, into runs with the same property. */
export function* runsOf<T>(
  items: readonly T[],
  test: (item: T) => boolean,
): Generator<{is: boolean; items: T[]}> {
  let run: {is: boolean; items: T[]} | null = null;
  for (const item of items) {
    const is = test(item);
    if (run !== null && run.is !== is) {
      yield run;
      run = null;
    }
    run ??= {is, items: []};
    run.items.push(item);
  }
  if (run !== null) yield run;
}

/** Splits rows or keys into statements of at most `size` elements. */
export function inBatches<T>(items: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let i = 0; i < items.length; i += size) batches.push(items.slice(i, i + size));
  return batches;
}
