/**
 * Knows the types of columns as the log numbers them, and what a table map holds for each. No other file knows
 * them; a new type of a server is one line here.
 *
 * Layouts: MySQL's libs/mysql/binlog/event/rows_event.h and MariaDB's sql/log_event.h.
 */

export const T = {
  TINY: 1,
  SHORT: 2,
  LONG: 3,
  FLOAT: 4,
  DOUBLE: 5,
  TIMESTAMP: 7,
  LONGLONG: 8,
  INT24: 9,
  DATE: 10,
  TIME: 11,
  DATETIME: 12,
  YEAR: 13,
  VARCHAR: 15,
  BIT: 16,
  TIMESTAMP2: 17,
  DATETIME2: 18,
  TIME2: 19,
  BLOB_COMPRESSED: 140,
  VARCHAR_COMPRESSED: 141,
  VECTOR: 242,
  JSON: 245,
  NEWDECIMAL: 246,
  ENUM: 247,
  SET: 248,
  TINY_BLOB: 249,
  MEDIUM_BLOB: 250,
  LONG_BLOB: 251,
  BLOB: 252,
  VAR_STRING: 253,
  STRING: 254,
  GEOMETRY: 255,
} as const;

/** The number of bytes that a table map holds for a type, beside its number. */
export const METADATA_BYTES: ReadonlyMap<number, number> = new Map([
  [T.TINY, 0],
  [T.SHORT, 0],
  [T.LONG, 0],
  [T.FLOAT, 1],
  [T.DOUBLE, 1],
  [T.TIMESTAMP, 0],
  [T.LONGLONG, 0],
  [T.INT24, 0],
  [T.DATE, 0],
  [T.TIME, 0],
  [T.DATETIME, 0],
  [T.YEAR, 0],
  [T.VARCHAR, 2],
  [T.BIT, 2],
  [T.TIMESTAMP2, 1],
  [T.DATETIME2, 1],
  [T.TIME2, 1],
  [T.BLOB_COMPRESSED, 1],
  [T.VARCHAR_COMPRESSED, 2],
  [T.VECTOR, 1],
  [T.JSON, 1],
  [T.NEWDECIMAL, 2],
  [T.ENUM, 2],
  [T.SET, 2],
  [T.TINY_BLOB, 1],
  [T.MEDIUM_BLOB, 1],
  [T.LONG_BLOB, 1],
  [T.BLOB, 1],
  [T.VAR_STRING, 2],
  [T.STRING, 2],
  [T.GEOMETRY, 1],
]);

/** The types for which the table map lists signedness, in the order of the columns. */
export const NUMERIC: ReadonlySet<number> = new Set([
  T.TINY,
  T.SHORT,
  T.INT24,
  T.LONG,
  T.LONGLONG,
  T.NEWDECIMAL,
  T.FLOAT,
  T.DOUBLE,
  T.YEAR,
]);

const CHARACTER: ReadonlySet<number> = new Set([
  T.VARCHAR,
  T.VAR_STRING,
  T.STRING,
  T.TINY_BLOB,
  T.MEDIUM_BLOB,
  T.LONG_BLOB,
  T.BLOB,
  T.BLOB_COMPRESSED,
  T.VARCHAR_COMPRESSED,
  T.VECTOR,
]);

/**
 * Whether the table map lists a collation for a type; ENUM and SET have lists of their own. A missing type shifts
 * the collations of all columns behind it.
 */
export function isCharacter(type: number, isMariadb: boolean): boolean {
  return CHARACTER.has(type) || (isMariadb && type === T.GEOMETRY);
}

/**
 * Older formats of temporal types, which differ between MySQL and MariaDB 5.3. The log does not say which one it
 * uses.
 */
export const OLD_TIMES: ReadonlySet<number> = new Set([T.TIMESTAMP, T.TIME, T.DATETIME]);
