/**
 * Reads the current unique keys of a target table with which rows can be in conflict: over mapped or other columns,
 * prefixes of columns, expressions and generated columns.
 */
import type {Query} from '../db/counted.ts';
import type {TablePlan} from '../mapping/columns.ts';
import {looseKeyColumns} from '../mapping/key-columns.ts';
import {quoteName} from '../mapping/quote.ts';
import {literal} from './sql-text.ts';

/** A column that a unique key depends on. */
export interface KeyColumn {
  readonly name: string;
  /** The type in lower case, without length. */
  readonly type: string;
  /** The whole type, in lower case. */
  readonly definition: string;
  readonly nullable: boolean;
  readonly charset: string | null;
  readonly collation: string | null;
  /** The length, in characters for text. */
  readonly maxLength: number | null;
  /** The fractional digits of a second. */
  readonly fraction: number;
  /** The expression of a generated column. */
  readonly generated: string | null;
  /** SQL of the value of a row that does not set it. */
  readonly fallback: string;
}

export interface UniqueKey {
  readonly name: string;
  readonly parts: readonly KeyPart[];
  /** The columns that it depends on, also through expressions and generated columns. */
  readonly columns: readonly KeyColumn[];
}

export interface KeyPart {
  /** SQL over the table's columns, by their bare names. */
  readonly expression: string;
  /** The column, if the part is one or a prefix of one. */
  readonly column: KeyColumn | null;
  /** The length of the prefix, in characters, or in bytes for a binary column. */
  readonly prefix: number | null;
}

/**
 * Reads the current definitions, because the owner may change them while the daemon runs.
 *
 * @returns without keys that can never be in conflict: those that contain the mapped key, and those over an
 *   AUTO_INCREMENT number. The mapped key itself is one of them if its collation may consider two texts equal.
 */
export async function readUniqueKeys(plan: TablePlan, query: Query): Promise<UniqueKey[]> {
  const rows = await query(
    `SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, COLLATION_NAME,
            CHARACTER_MAXIMUM_LENGTH, DATETIME_PRECISION, COLUMN_DEFAULT, EXTRA, GENERATION_EXPRESSION, VERSION()
       FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
      ORDER BY ORDINAL_POSITION`,
    [plan.target],
  );
  const columns = rows.map(keyColumn);
  const counted = new Set(
    rows.filter(row => /auto_increment/i.test(String(row[9]))).map(row => String(row[0])),
  );
  const keys = new Map<string, KeyPart[]>();
  // The columns of its result have this order on all servers; MySQL has one more, for expressions.
  for (const row of await query(`SHOW KEYS FROM ${quoteName(plan.target)} WHERE Non_unique = 0`)) {
    const [, , name, , columnName, , , prefix] = row;
    const column = columns.find(candidate => candidate.name === columnName) ?? null;
    const length = prefix === null || prefix === undefined ? null : Number(prefix);
    const whole = column === null ? unescaped(String(row[14])) : quoteName(column.name);
    const part = {column, prefix: length, expression: length === null ? whole : `LEFT(${whole}, ${length})`};
    keys.set(String(name), [...(keys.get(String(name)) ?? []), part]);
  }
  const isLoose = looseKeyColumns(plan).length > 0;
  const canConflict = (parts: readonly KeyPart[]) => {
    const wholes = parts.filter(({prefix}) => prefix === null).map(({column}) => column?.name.toLowerCase());
    const holdsKey = plan.key.every(name => wholes.includes(name.toLowerCase()));
    return (
      (!holdsKey || (isLoose && parts.length === plan.key.length)) &&
      !parts.some(({column}) => column !== null && counted.has(column.name))
    );
  };
  return [...keys]
    .filter(([, parts]) => canConflict(parts))
    .map(([name, parts]) => ({name, parts, columns: dependsOn(parts, columns)}));
}

/** Columns in the table's order, but generated columns after those they depend on. */
function dependsOn(parts: readonly KeyPart[], columns: readonly KeyColumn[]): KeyColumn[] {
  const found = new Set<KeyColumn>();
  const visit = (expression: string) => {
    for (const column of columns) {
      if (found.has(column) || !expression.includes(quoteName(column.name))) continue;
      if (column.generated !== null) visit(column.generated);
      found.add(column);
    }
  };
  for (const {expression} of parts) visit(expression);
  return [...found];
}

function keyColumn(row: readonly unknown[]): KeyColumn {
  const [
    name,
    type,
    definition,
    nullable,
    charset,
    collation,
    length,
    fraction,
    ,
    extra,
    generated,
    version,
  ] = row;
  const textOrNull = (cell: unknown) => (cell === null || cell === undefined ? null : String(cell));
  const isMariadb = String(version).includes('MariaDB');
  const isGenerated = /\b(virtual|stored|persistent)\b/i.test(String(extra));
  return {
    name: String(name),
    type: String(type).toLowerCase(),
    definition: String(definition).toLowerCase(),
    nullable: nullable === 'YES',
    charset: textOrNull(charset),
    collation: textOrNull(collation),
    maxLength: length === null || length === undefined ? null : Number(length),
    fraction: Number(fraction ?? 0),
    generated: !isGenerated ? null : isMariadb ? String(generated) : unescaped(String(generated)),
    fallback: fallbackOf(textOrNull(row[8]), String(type).toLowerCase(), String(extra), isMariadb),
  };
}

/** MariaDB shows every default as an expression. MySQL shows texts without quotes, and marks expressions. */
function fallbackOf(shown: string | null, type: string, extra: string, isMariadb: boolean): string {
  if (shown === null) return 'NULL';
  if (isMariadb) return `(${shown})`;
  if (/default_generated/i.test(extra)) return `(${unescaped(shown)})`;
  return type === 'bit' || /^current_timestamp/i.test(shown) ? `(${shown})` : literal(shown);
}

/** MySQL escapes the quotes and backslashes in the expressions that it shows. */
function unescaped(expression: string): string {
  return expression.replace(/\\(.)/gsu, '$1');
}
