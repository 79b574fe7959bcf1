/** Turns zongji's row events into row changes in the order of the plan's columns. Pure. */
import type {SourcePlan} from '../../src/mapping/plan.ts';
import type {ColumnSchema} from '../../src/mapping/schema.ts';
import type {Row, Value} from '../../src/mapping/values.ts';
import {toValue} from '../../src/mapping/values.ts';
import type {RowChange} from '../events.ts';
import {BYTES} from './charsets.ts';

/** What of a zongji row event is used. */
export interface RawRowsEvent {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly rows: readonly RawRow[] | readonly {readonly before: RawRow; readonly after: RawRow}[];
  /** The table's columns as of the event. */
  readonly columnNames: readonly string[];
  /** The character set of each, null where it is no text. */
  readonly charsets: readonly (string | null)[];
  /** One bit for each column that the (first) image holds, least significant first. */
  readonly presentBefore: Uint8Array;
  readonly presentAfter: Uint8Array;
  /** NO_FOREIGN_KEY_CHECKS_F of the event's flags. */
  readonly unchecked: boolean;
}
export type RawRow = Readonly<Record<string, unknown>>;

export type DecodedRows =
  | {readonly tag: 'changes'; readonly changes: RowChange[]}
  /** A mapped column is not in the event's table: ask the schema. `key` tells whether the rows can be named. */
  | {readonly tag: 'keyless'};

/** How to read one table's images: made once for each table map. */
interface Reading {
  /** The event's name for each mapped column; null where it has none. */
  readonly names: readonly (string | null)[];
  readonly complete: {readonly before: boolean; readonly after: boolean};
  readonly hasKey: {readonly before: boolean; readonly after: boolean};
  /** Mapped columns absent from the after image, which an UPDATE left as they were. */
  readonly keyNames: readonly (string | null)[];
  readonly columns: readonly Reader[];
}

/** How the raw value of one column is read. */
interface Reader {
  readonly isBit: boolean;
  /** BINARY(n): the log leaves out the zeros at the end, and a SELECT does not. */
  readonly padTo: number;
  /** Values that are not like this are in doubt: zongji decodes this charset by tables that are not quite the server's. */
  readonly sure: RegExp | null;
}

/** Charsets of which every character is decoded as the server does. */
export const EXACT: ReadonlySet<string | null> = new Set([
  null,
  ...['utf8mb4', 'utf8mb3', 'utf8', 'ascii', 'latin1', 'ucs2', 'utf16', 'utf16le', 'utf32'],
]);
/** What no charset reads otherwise that zongji has a table of. */
const PLAIN = /^[\w .,:;@+*=/-]*$/;
/** Of the others, swe7 has another character for @. */
const PLAIN_BYTES = /^[\w .,:;+*=/-]*$/;

/** Columns that name a source row. */
const KEY_COLUMNS = {institutes: ['id'], users: ['id'], institute_user: ['institute_id', 'user_id']} as const;

export function decodeRows(source: SourcePlan, event: RawRowsEvent): DecodedRows {
  const reading = readingOf(source, event);
  const hasKey = event.kind === 'insert' ? reading.hasKey.after : reading.hasKey.before;
  if (!hasKey) return {tag: 'keyless'};
  const changes: RowChange[] = [];
  for (const raw of event.rows) {
    const [before, after] = sides(event.kind, raw);
    changes.push(change(source, reading, before, after, event.unchecked));
  }
  return {tag: 'changes', changes};
}

function sides(kind: RawRowsEvent['kind'], raw: unknown): [RawRow | null, RawRow | null] {
  switch (kind) {
    case 'insert':
      return [null, raw as RawRow];
    case 'delete':
      return [raw as RawRow, null];
    case 'update': {
      const pair = raw as {before: RawRow; after: RawRow};
      return [pair.before, pair.after];
    }
  }
}

function readingOf(source: SourcePlan, event: RawRowsEvent): Reading {
  const lower = new Map(event.columnNames.map((name, i) => [name.toLowerCase(), i]));
  const indexes = source.columns.map(
    (column, i) => lower.get((source.actual[i] ?? column).toLowerCase()) ?? -1,
  );
  const names = indexes.map(index => (index < 0 ? null : (event.columnNames[index] ?? null)));
  const isIn = (bitmap: Uint8Array, index: number) =>
    index >= 0 && ((bitmap[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
  const wanted = indexes.filter((_, i) => source.actual[i] !== null);
  const keys = KEY_COLUMNS[source.table].map(column => indexes[source.columns.indexOf(column)] ?? -1);
  const after = event.kind === 'update' ? event.presentAfter : event.presentBefore;
  return {
    names,
    complete: {
      before: wanted.every(index => isIn(event.presentBefore, index)),
      after: wanted.every(index => isIn(after, index)),
    },
    hasKey: {
      before: keys.every(index => isIn(event.presentBefore, index)),
      after: keys.every(index => isIn(after, index)),
    },
    keyNames: names.map((name, i) => (name !== null && isIn(after, indexes[i] ?? -1) ? name : null)),
    columns: source.actual.map((name, i) =>
      columnReader(
        source.schema.columns.find(column => column.name === name),
        event.charsets[indexes[i] ?? -1] ?? null,
      ),
    ),
  };
}

function columnReader(column: ColumnSchema | undefined, charset: string | null): Reader {
  return {
    isBit: column?.type === 'bit',
    padTo: column?.type === 'binary' ? (column.maxLength ?? 0) : 0,
    sure: EXACT.has(charset) ? null : charset === BYTES ? PLAIN_BYTES : PLAIN,
  };
}

function change(
  source: SourcePlan,
  reading: Reading,
  before: RawRow | null,
  after: RawRow | null,
  unchecked: boolean,
): RowChange {
  const beforeRow = before === null ? null : toRow(before, reading);
  if (after === null) return {table: source.table, before: beforeRow, after: null, partial: false, unchecked};
  if (reading.complete.after) {
    const afterRow = toRow(after, reading);
    return {
      table: source.table,
      before: beforeRow,
      after: afterRow,
      partial: isDoubtful(afterRow, reading.columns),
      unchecked,
    };
  }
  // A MINIMAL image: what it lacks, the key included, is as it was before.
  const merged = reading.keyNames.map((name, i) =>
    name === null ? (beforeRow?.[i] ?? null) : toValue(after[name]),
  );
  return {table: source.table, before: beforeRow, after: merged, partial: true, unchecked};
}

function toRow(raw: RawRow, {names, columns}: Reading): Row {
  const row: Value[] = new Array<Value>(names.length);
  for (let i = 0; i < names.length; i++) {
    const name = names[i] ?? null;
    const value = name === null ? null : raw[name];
    row[i] =
      typeof value === 'string'
        ? value
        : Buffer.isBuffer(value)
          ? fromBytes(value, columns[i])
          : toValue(value);
  }
  return row;
}

/** BIT comes as up to eight bytes, binary text as its bytes, and text of a charset unknown to zongji likewise. */
function fromBytes(bytes: Buffer, column: Reader | undefined): string {
  if (column?.isBit === true) return BigInt(`0x${bytes.toString('hex') || '0'}`).toString();
  const missing = (column?.padTo ?? 0) - bytes.length;
  return `${bytes.toString('utf8')}${missing > 0 ? '\0'.repeat(missing) : ''}`;
}

/** U+FFFD stands for bytes that could not be decoded: the server decodes them better, as it does its own charsets. */
function isDoubtful(row: Row, columns: readonly Reader[]): boolean {
  return row.some(
    (value, i) => value !== null && (value.includes('\uFFFD') || columns[i]?.sure?.test(value) === false),
  );
}
