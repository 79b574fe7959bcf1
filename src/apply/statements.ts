/**
 * The SQL that writes the target, as text: the only place where values meet SQL. Pure.
 *
 * Values are encoded here and not by the driver, which takes twice as long; everything is either a
 * number that was checked or text that is escaped for a session without NO_BACKSLASH_ESCAPES.
 */
import {quoteName} from '../mapping/sql.ts';
import type {ColumnPlan, TablePlan} from '../mapping/plan.ts';
import {isId, type Row, type Value} from '../mapping/values.ts';

// oxlint-disable-next-line no-control-regex -- NUL and ^Z are among what must be escaped
const SPECIAL = /[\0\n\r\x1a'\\]/;
const ALL_SPECIAL = new RegExp(SPECIAL, 'g');
const ESCAPES: Readonly<Record<string, string>> = {
  '\0': '\\0',
  '\n': '\\n',
  '\r': '\\r',
  '\x1a': '\\Z',
  "'": "\\'",
  '\\': '\\\\',
};

/** A text as an SQL literal. */
export function literal(value: Value): string {
  if (value === null) return 'NULL';
  if (!SPECIAL.test(value)) return `'${value}'`;
  return `'${value.replace(ALL_SPECIAL, char => ESCAPES[char] ?? char)}'`;
}

const NUMERIC_TYPES = new Set([
  'tinyint',
  'smallint',
  'mediumint',
  'int',
  'integer',
  'bigint',
  'bit',
  'decimal',
  'numeric',
]);

function encode(column: ColumnPlan, value: Value): string {
  if (value === null) return 'NULL';
  const isNumber =
    (column.kind === 'integer' || column.kind === 'flag') &&
    NUMERIC_TYPES.has(column.schema.type) &&
    isId(value);
  return isNumber ? value : literal(value);
}

export interface UpsertOptions {
  /** Keep a target row whose updatedAt is later than the one written. */
  readonly newestWins: boolean;
}

/**
 * One statement that inserts or updates all `rows` by the mapped key.
 *
 * ON DUPLICATE KEY UPDATE takes any unique key for its own: where another one clashes, it would change
 * the *other* row. The first assignment turns that into error 1048, so that the statement does nothing.
 */
export function upsert(plan: TablePlan, rows: readonly Row[], {newestWins}: UpsertOptions): string {
  const names = plan.columns.map(column => quoteName(column.name));
  const values = rows.map(
    row => `(${plan.columns.map((column, i) => encode(column, row[i] ?? null)).join(',')})`,
  );
  const keys = plan.keyIndexes.map(index => names[index] ?? '');
  const isSameRow = keys.map(key => `${key} = VALUES(${key})`).join(' AND ');
  const first = keys[0] ?? '';
  const updated = names[plan.updatedAtIndex] ?? '';
  const assignments = names
    .filter(name => !keys.includes(name))
    // updatedAt decides and so is assigned last: assignments see those before them.
    .toSorted((a, b) => Number(a === updated) - Number(b === updated))
    .map(name => {
      const value = `VALUES(${name})`;
      return `${name} = ${newestWins ? `IF(${updated} > VALUES(${updated}), ${name}, ${value})` : value}`;
    });
  return (
    `INSERT INTO ${quoteName(plan.target)} (${names.join(',')}) VALUES ${values.join(',')} ` +
    `ON DUPLICATE KEY UPDATE ${[`${first} = IF(${isSameRow}, ${first}, NULL)`, ...assignments].join(', ')}`
  );
}

/** The condition that picks rows by their keys (`id`, or `institute:user`). */
export function keyCondition(plan: TablePlan, keys: readonly string[], prefix = ''): string {
  const columns = plan.keyIndexes.map(index => plan.columns[index]).filter(column => column !== undefined);
  const [first, second] = columns;
  if (first === undefined) return '1 = 0';
  if (second === undefined)
    return `${prefix}${quoteName(first.name)} IN (${keys.map(key => encode(first, key)).join(',')})`;
  // By first id, since both servers find `a = 1 AND b IN (…)` by index where row constructors may scan.
  const groups = new Map<string, string[]>();
  for (const key of keys) {
    const at = key.indexOf(':');
    const group = groups.get(key.slice(0, at)) ?? [];
    group.push(encode(second, key.slice(at + 1)));
    groups.set(key.slice(0, at), group);
  }
  return [...groups]
    .map(
      ([id, others]) =>
        `(${prefix}${quoteName(first.name)} = ${encode(first, id)} AND ${prefix}${quoteName(second.name)} IN (${others.join(',')}))`,
    )
    .join(' OR ');
}

export function deleteByKeys(plan: TablePlan, keys: readonly string[]): string {
  return `DELETE FROM ${quoteName(plan.target)} WHERE ${keyCondition(plan, keys)}`;
}

/** Splits rows or keys into statements of at most `size` elements. */
export function inBatches<T>(items: readonly T[], size: number): T[][] {
  const batches: T[][] = [];
  for (let i = 0; i < items.length; i += size) batches.push(items.slice(i, i + size));
  return batches;
}
