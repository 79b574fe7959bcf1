/**
 * Reads the statements of the log from the bytes of their events. Pure.
 *
 * Layout: thread, seconds (4 bytes each), length of the default schema (1), error, length of the status
 * variables (2 each); a LOAD DATA has 13 bytes more. Then the status variables, the schema, a zero, the text.
 * Source: MySQL's libs/mysql/binlog/event/statement_events.h, MariaDB's sql/log_event.h.
 */

/** The bytes of an event without its header. */
export interface EventBytes {
  readonly buffer: Buffer;
  readonly from: number;
  readonly to: number;
}

export interface QueryEvent {
  readonly database: string;
  /** The schemas that the statement changed; null if the log does not say. */
  readonly databases: readonly string[] | null;
  readonly sql: string;
}

const FIXED_BYTES = 13;
const LOAD_FIXED_BYTES = 26;

export function readQuery({buffer, from, to}: EventBytes, isLoad: boolean): QueryEvent {
  const schemaLength = buffer.readUInt8(from + 8);
  const variables = from + (isLoad ? LOAD_FIXED_BYTES : FIXED_BYTES);
  const schema = variables + buffer.readUInt16LE(from + 11);
  const text = schema + schemaLength + 1;
  return {
    database: buffer.toString('utf8', schema, schema + schemaLength),
    databases: changedSchemas(buffer, variables, schema),
    sql: withLetters(buffer.toString('utf8', text, to), clientCollation(buffer, variables, schema)),
  };
}

/** The collations of swe7, the one character set of a session in which bytes of ASCII are other letters. */
const SWE7: ReadonlySet<number | null> = new Set([10, 82]);

/** Replaces such bytes, so that no reader of the text takes them for ASCII. */
function withLetters(sql: string, collation: number | null): string {
  return SWE7.has(collation) ? sql.replaceAll(/[@[\\\]^`{|}~]/g, '\ufffd') : sql;
}

const CHARSET = 4;
const UPDATED_DB_NAMES = 12;
/** Replaces the number of names if they are too many, or if triggers, functions or foreign keys reach other schemas. */
const TOO_MANY = 254;

/** The lengths of the variables that may come before the names; a negative length is a text. */
const LENGTHS: ReadonlyMap<number, number> = new Map([
  [0, 4], // flags
  [1, 8], // sql_mode
  [3, 4], // auto_increment
  [4, 6], // charset
  [5, -1], // time zone
  [6, -1], // catalog
  [7, 2], // lc_time_names
  [8, 2], // charset of the schema
  [9, 8], // tables of a multi-table update
  [10, 4], // not used any more
  [11, -2], // invoker: user and host
]);

/** Reads the names. Only MySQL writes them, and writes no unknown variable before them. */
function changedSchemas(buffer: Buffer, from: number, to: number): string[] | null {
  const at = placeOf(UPDATED_DB_NAMES, buffer, from, to);
  return at === null ? null : names(buffer, at, to);
}

/** The collation of the text; null if the log does not say. */
function clientCollation(buffer: Buffer, from: number, to: number): number | null {
  const at = placeOf(CHARSET, buffer, from, to);
  return at === null ? null : buffer.readUInt16LE(at);
}

/** Where the value of a status variable begins; null if it is not there. */
function placeOf(variable: number, buffer: Buffer, from: number, to: number): number | null {
  let at = from;
  while (at < to) {
    const code = buffer.readUInt8(at++);
    if (code === variable) return at;
    const length = LENGTHS.get(code);
    if (length === undefined) return null;
    if (length >= 0) at += length;
    else for (let i = length; i < 0 && at < to; i++) at += 1 + buffer.readUInt8(at);
  }
  return null;
}

/** Reads the number of names, and then the names, which each end with a zero byte. */
function names(buffer: Buffer, from: number, to: number): string[] | null {
  const count = buffer.readUInt8(from);
  if (count === TOO_MANY) return null;
  const found: string[] = [];
  let at = from + 1;
  while (found.length < count) {
    const end = buffer.indexOf(0, at);
    if (end < 0 || end >= to) return null;
    found.push(buffer.toString('utf8', at, end));
    at = end + 1;
  }
  return found;
}
