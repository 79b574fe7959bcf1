/**
 * Rows in their future state, as a derived table. The server itself computes their values in each unique key, by
 * the key's own expressions, under the columns' types and collations, with the values of columns that are not
 * mapped. Pure.
 */
import type {TablePlan} from '../mapping/columns.ts';
import type {EntityPlan} from '../mapping/entities.ts';
import {isWrittenAlike, looseKeyColumns} from '../mapping/key-columns.ts';
import {quoteName} from '../mapping/quote.ts';
import type {KeyedRow} from './decide.ts';
import {literal} from './sql-text.ts';
import type {KeyColumn, KeyPart, UniqueKey} from './unique-keys.ts';

const TYPES_OF_NUMBERS = new Set([
  'tinyint',
  'smallint',
  'mediumint',
  'int',
  'integer',
  'bigint',
  'bit',
  'year',
]);

/** Converts an expression to the type and collation that the column gives its values. */
export function typed(
  column: Pick<KeyColumn, 'type' | 'definition' | 'charset' | 'collation' | 'fraction'>,
  value: string,
): string {
  const {type, definition, charset, collation, fraction} = column;
  if (charset !== null) {
    // A CHAR column removes trailing spaces.
    const text = type === 'char' ? `TRIM(TRAILING ' ' FROM ${value})` : value;
    return `CONVERT(${text} USING ${charset}) COLLATE ${collation ?? `${charset}_bin`}`;
  }
  if (TYPES_OF_NUMBERS.has(type))
    return `CAST(${value} AS ${definition.includes('unsigned') || type === 'bit' ? 'UNSIGNED' : 'SIGNED'})`;
  if (type === 'datetime' || type === 'timestamp') return `CAST(${value} AS DATETIME(${fraction}))`;
  if (type === 'time') return `CAST(${value} AS TIME(${fraction}))`;
  if (type === 'date') return `CAST(${value} AS DATE)`;
  if (type === 'decimal' || type === 'numeric')
    return `CAST(${value} AS DECIMAL${/\([\d,]+\)/.exec(definition)?.[0] ?? ''})`;
  if (type === 'binary') return `CAST(${value} AS BINARY${/\(\d+\)/.exec(definition)?.[0] ?? ''})`;
  if (/binary$|blob$/.test(type)) return `CAST(${value} AS BINARY)`;
  return value;
}

/** The parts of each unique key, as columns of {@link prospectiveRows}: `sync_w{key}_{part}`. */
export const partName = (key: number, part: number): string => `sync_w${key}_${part}`;
/** The mapped key's columns in {@link prospectiveRows}. */
export const keyName = (index: number): string => `sync_k${index}`;

export interface Frame {
  readonly entity: EntityPlan;
  readonly plan: TablePlan;
  readonly keys: readonly UniqueKey[];
  readonly newestWins: boolean;
}

/** One row of {@link prospectiveRows}: its key and its future values. */
export function valuesOf({plan, keys}: Frame, {key, source}: KeyedRow): string {
  const cells = plan.columns
    .filter((_, index) => isNeeded(plan, keys, index))
    .map(column => {
      const value = column.value(source);
      return `${typed(column.schema, value === null ? 'NULL' : literal(value))} AS ${quoteName(column.name)}`;
    });
  return `SELECT ${literal(key)} AS sync_key, ${cells.join(', ')}`;
}

/**
 * A derived table with `sync_key`, the mapped key, whether the target's row is newer (`sync_newer`), and the
 * parts of all unique keys.
 *
 * @param values the values of each row, by {@link valuesOf}
 */
export function prospectiveRows({plan, keys, newestWins}: Frame, values: readonly string[]): string {
  const needed = [...new Set(keys.flatMap(({columns}) => columns))];
  const mapped = new Set(plan.columns.map(({name}) => name));
  const own = plan.keyIndexes.map(index => plan.columns[index]?.name ?? '');
  const isNew = `o.${quoteName(own[0] ?? '')} IS NULL`;
  const updated = plan.columns[plan.newestIndex]?.name;
  const base = plan.columns
    .filter((_, index) => isNeeded(plan, keys, index))
    .map(({name}) => `v.${quoteName(name)}`);
  const kept = needed
    .filter(({name, generated}) => !mapped.has(name) && generated === null)
    .map(column => {
      const name = quoteName(column.name);
      return `${typed(column, `IF(${isNew}, ${column.fallback}, o.${name})`)} AS ${name}`;
    });
  const newer =
    newestWins && updated !== undefined
      ? `COALESCE(o.${quoteName(updated)} > v.${quoteName(updated)}, 0)`
      : '0';
  let rows =
    `SELECT v.sync_key, ${newer} AS sync_newer, ${[...base, ...kept].join(', ')} FROM (${values.join(' UNION ALL ')}) v ` +
    `LEFT JOIN ${quoteName(plan.target)} o ON ${isSameKey(plan, 'o', i => `v.${quoteName(own[i] ?? '')}`)} FOR UPDATE`;
  for (const column of needed.filter(({generated}) => generated !== null))
    rows = `SELECT g.*, ${typed(column, `(${column.generated ?? ''})`)} AS ${quoteName(column.name)} FROM (${rows}) g`;
  const parts = keys.flatMap((key, i) =>
    key.parts.map(({expression}, j) => `${expression} AS ${partName(i, j)}`),
  );
  const ids = own.map((name, i) => `${quoteName(name)} AS ${keyName(i)}`);
  return `(SELECT sync_key, sync_newer, ${[...ids, ...parts].join(', ')} FROM (${rows}) r)`;
}

/**
 * Whether a row of the table has a mapped key, written as it is.
 *
 * @param part the SQL of each part of the key
 */
export function isSameKey(plan: TablePlan, alias: string, part: (index: number) => string): string {
  const loose = new Set(looseKeyColumns(plan).map(({name}) => name));
  return plan.key
    .flatMap((name, i) => {
      const own = `${alias}.${quoteName(name)}`;
      return [`${own} = ${part(i)}`, ...(loose.has(name) ? [isWrittenAlike(own, part(i))] : [])];
    })
    .join(' AND ');
}

/**
 * Returns a text that is the same for equal values of a unique key, and NULL if one of them is NULL, which is
 * equal to nothing. Under two collations with too little information in their weights, equal values may get
 * different texts.
 *
 * @param parts the SQL of each part
 */
export function classOf(key: UniqueKey, parts: readonly string[]): string {
  const weights = parts.map((part, i) => {
    const {column, prefix} = key.parts[i] ?? {column: null, prefix: null};
    const value = column === null || prefix !== null ? part : typed(column, part);
    // Under a collation that pads, trailing spaces do not count.
    const bare = `IF(CONCAT(${value}, '') = CONCAT(${value}, ' '), TRIM(TRAILING ' ' FROM ${value}), ${value})`;
    // On MariaDB, a value that is not text has no weights.
    return `COALESCE(HEX(WEIGHT_STRING(${bare})), HEX(CONCAT(${bare})))`;
  });
  const isNull = parts.map(part => `${part} IS NULL`).join(' OR ');
  return `IF(${isNull}, NULL, SHA2(CONCAT_WS('/', ${weights.join(', ')}), 256))`;
}

/**
 * Whether a row `t` of the table holds the values that the prospective row `p` needs.
 *
 * @param thorough leaves out the condition for an index over a prefix, which compares characters and not weights
 */
export function holdsSame(key: UniqueKey, index: number, thorough: boolean): string {
  return key.parts
    .map((part, j) => {
      const wanted = `p.${partName(index, j)}`;
      const same = `${part.expression} = ${wanted}`;
      return thorough ? same : `${same}${viaPrefix(part, wanted)}`;
    })
    .join(' AND ');
}

function viaPrefix({column, prefix}: KeyPart, wanted: string): string {
  if (column === null || prefix === null || column.charset === null) return '';
  const pattern = ['!', '%', '_'].reduce((text, sign) => `REPLACE(${text}, '${sign}', '!${sign}')`, wanted);
  return ` AND ${quoteName(column.name)} LIKE CONCAT(${pattern}, '%') ESCAPE '!'`;
}

function isNeeded(plan: TablePlan, keys: readonly UniqueKey[], index: number): boolean {
  const name = plan.columns[index]?.name;
  return (
    index === plan.newestIndex ||
    plan.keyIndexes.includes(index) ||
    keys.some(({columns}) => columns.some(column => column.name === name))
  );
}
