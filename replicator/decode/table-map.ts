/**
 * Parses the table map event that the log has before the rows of a statement. It is parsed here and not by
 * zongji, which misreads the columns behind an unknown type (VECTOR). Pure.
 */
import type {Collations} from '../../src/source/collations.ts';
import {isCharacter, METADATA_BYTES, NUMERIC, T} from './column-types.ts';

/** The kind of text in a column: a character set of the server, bytes, or a collation that the source does not list. */
export type Charset = string | null;
export const BYTES = 'binary';

export interface LoggedColumn {
  readonly name: string;
  readonly type: number;
  /**
   * The length bytes of a BLOB, the maximum number of bytes of a text, the bytes of an ENUM, the bits of a BIT,
   * the digits of a DECIMAL.
   */
  readonly size: number;
  /** The fractional digits of a number or of a second. */
  readonly decimals: number;
  readonly unsigned: boolean;
  /** `binary` for bytes; null for a collation that the source does not list, and for every type that is not text. */
  readonly charset: Charset;
  /** The members of an ENUM or SET, in its character set. */
  readonly members: readonly Buffer[];
}

export interface LoggedTable {
  readonly schema: string;
  readonly table: string;
  /** Null if the log does not name the columns (`binlog_row_metadata` is not FULL). */
  readonly columns: readonly LoggedColumn[] | null;
}

/** The optional fields behind the columns, as MySQL 8.0 and MariaDB 10.5 introduced them. */
const F = {
  SIGNEDNESS: 1,
  DEFAULT_CHARSET: 2,
  COLUMN_CHARSET: 3,
  COLUMN_NAME: 4,
  SET_STR_VALUE: 5,
  ENUM_STR_VALUE: 6,
  ENUM_AND_SET_DEFAULT_CHARSET: 10,
  ENUM_AND_SET_COLUMN_CHARSET: 11,
} as const;

/** Reads integers and texts one after another. */
export class Cursor {
  readonly buffer: Buffer;
  at: number;
  constructor(buffer: Buffer, at: number) {
    this.buffer = buffer;
    this.at = at;
  }

  byte(): number {
    return this.buffer.readUInt8(this.at++);
  }

  /** Reads MySQL's length-encoded integer. */
  integer(): number {
    const first = this.byte();
    if (first < 251) return first;
    const bytes = first === 252 ? 2 : first === 253 ? 3 : 6;
    const value = this.buffer.readUIntLE(this.at, bytes);
    this.at += first === 254 ? 8 : bytes;
    return value;
  }

  bytes(length: number): Buffer {
    const end = this.at + length;
    if (end > this.buffer.length) throw new RangeError('a table map ends too early');
    const bytes = this.buffer.subarray(this.at, end);
    this.at = end;
    return bytes;
  }
}

/** Reads the names of the schema and of the table, which say whether the rest matters. */
export function tableName(body: Buffer): {schema: string; table: string; rest: number} {
  // The table's number and flags come first.
  const cursor = new Cursor(body, 8);
  const schema = cursor.bytes(cursor.byte()).toString('utf8');
  cursor.at++;
  const table = cursor.bytes(cursor.byte()).toString('utf8');
  return {schema, table, rest: cursor.at + 1};
}

interface Described {
  readonly type: number;
  readonly size: number;
  readonly decimals: number;
}

/**
 * Parses a table map.
 *
 * @param body the event without its header and its checksum
 * @throws RangeError if it holds an unknown type
 */
export function readTableMap(
  body: Buffer,
  {collations, isMariadb}: {readonly collations: Collations; readonly isMariadb: boolean},
): LoggedTable {
  const {schema, table, rest} = tableName(body);
  const cursor = new Cursor(body, rest);
  const types = cursor.bytes(cursor.integer());
  const metadata = new Cursor(cursor.bytes(cursor.integer()), 0);
  const described = [...types].map(type => describe(type, metadata));
  // The next bytes say which columns may be NULL.
  cursor.at += (types.length + 7) >> 3;
  const fields = readFields(cursor);
  const names = textsOf(fields.get(F.COLUMN_NAME));
  if (names.length !== described.length) return {schema, table, columns: null};
  const isUnsigned = signs(described, fields.get(F.SIGNEDNESS));
  const collation = collationsOf(described, fields, isMariadb);
  const members = membersOf(described, fields);
  return {
    schema,
    table,
    columns: described.map((column, i) => {
      const id = collation.get(i);
      return {
        ...column,
        name: (names[i] ?? '').toString(),
        unsigned: isUnsigned.has(i),
        charset: id === undefined ? null : (collations.get(id) ?? null),
        members: members.get(i) ?? [],
      };
    }),
  };
}

function describe(type: number, metadata: Cursor): Described {
  const bytes = METADATA_BYTES.get(type);
  if (bytes === undefined) throw new RangeError(`the log holds a column of the unknown type ${type}`);
  const first = bytes > 0 ? metadata.byte() : 0;
  const second = bytes > 1 ? metadata.byte() : 0;
  switch (type) {
    case T.VARCHAR:
    case T.VARCHAR_COMPRESSED:
      return {type, size: first | (second << 8), decimals: 0};
    case T.BIT:
      return {type, size: second * 8 + first, decimals: 0};
    case T.NEWDECIMAL:
      return {type, size: first, decimals: second};
    case T.TIMESTAMP2:
    case T.DATETIME2:
    case T.TIME2:
      return {type, size: 0, decimals: first};
    case T.STRING:
    case T.VAR_STRING:
    case T.ENUM:
    case T.SET:
      // Two bits of the length are in the type, inverted, since the length has outgrown one byte.
      return {type: first | 0x30, size: second | (((first & 0x30) ^ 0x30) << 4), decimals: 0};
    default:
      return {type, size: first, decimals: 0};
  }
}

function readFields(cursor: Cursor): Map<number, Buffer> {
  const fields = new Map<number, Buffer>();
  while (cursor.at < cursor.buffer.length) {
    const field = cursor.byte();
    fields.set(field, cursor.bytes(cursor.integer()));
  }
  return fields;
}

function textsOf(field: Buffer | undefined): Buffer[] {
  const texts: Buffer[] = [];
  if (field === undefined) return texts;
  for (const cursor = new Cursor(field, 0); cursor.at < field.length;)
    texts.push(cursor.bytes(cursor.integer()));
  return texts;
}

const placesOf = (columns: readonly Described[], isOne: (type: number) => boolean): number[] =>
  columns.flatMap(({type}, i) => (isOne(type) ? [i] : []));

/** Returns which columns are unsigned. */
function signs(columns: readonly Described[], field: Buffer | undefined): Set<number> {
  const places = placesOf(columns, type => NUMERIC.has(type));
  return new Set(places.filter((_, i) => ((field?.[i >> 3] ?? 0) & (0x80 >> (i & 7))) !== 0));
}

const isMember = (type: number) => type === T.ENUM || type === T.SET;

/** Returns the number of each column's collation. */
function collationsOf(
  columns: readonly Described[],
  fields: ReadonlyMap<number, Buffer>,
  isMariadb: boolean,
): Map<number, number> {
  const found = new Map<number, number>();
  const read = (places: readonly number[], common: Buffer | undefined, each: Buffer | undefined) => {
    if (common !== undefined) {
      const cursor = new Cursor(common, 0);
      const usual = cursor.integer();
      for (const place of places) found.set(place, usual);
      while (cursor.at < common.length) {
        const place = places[cursor.integer()];
        const id = cursor.integer();
        if (place !== undefined) found.set(place, id);
      }
    }
    if (each !== undefined) {
      const cursor = new Cursor(each, 0);
      for (const place of places) found.set(place, cursor.integer());
    }
  };
  const characters = placesOf(columns, type => isCharacter(type, isMariadb));
  read(characters, fields.get(F.DEFAULT_CHARSET), fields.get(F.COLUMN_CHARSET));
  read(
    placesOf(columns, isMember),
    fields.get(F.ENUM_AND_SET_DEFAULT_CHARSET),
    fields.get(F.ENUM_AND_SET_COLUMN_CHARSET),
  );
  return found;
}

function membersOf(
  columns: readonly Described[],
  fields: ReadonlyMap<number, Buffer>,
): Map<number, Buffer[]> {
  const members = new Map<number, Buffer[]>();
  for (const [type, field] of [
    [T.ENUM, fields.get(F.ENUM_STR_VALUE)],
    [T.SET, fields.get(F.SET_STR_VALUE)],
  ] as const) {
    if (field === undefined) continue;
    const cursor = new Cursor(field, 0);
    for (const place of placesOf(columns, one => one === type)) {
      const count = cursor.integer();
      // Copy it: the parsed table lives long, and must not keep its packet's buffer alive.
      members.set(
        place,
        Array.from({length: count}, () => Buffer.from(cursor.bytes(cursor.integer()))),
      );
    }
  }
  return members;
}
