/** The SQL for keys and indexes, where a server accepts one. Pure. */
import {familyOf} from '../mapping/families.ts';
import {quoteName} from '../mapping/quote.ts';
import {findColumn, type ColumnSchema, type TableSchema} from '../mapping/schema.ts';

/** Of the other types, a server makes a key of a part only or of nothing, or a mapping has no key. */
function canBeKey(column: ColumnSchema): boolean {
  return familyOf(column) !== undefined && !/^(?:json|float|double|.*text|.*blob)$/.test(column.type);
}

/** Those of some columns that cannot be in a key. */
export function notKeys(schema: TableSchema | undefined, names: readonly string[]): ColumnSchema[] {
  const columns = names.flatMap(name => (schema === undefined ? [] : (findColumn(schema, name) ?? [])));
  return columns.filter(column => !canBeKey(column));
}

/** Says that a mapping needs another key. */
export function otherKey(columns: readonly ColumnSchema[]): string {
  return `name other columns as the key in the mapping: ${describe(columns)} of the source cannot be one`;
}

function describe(columns: readonly ColumnSchema[]): string {
  return columns.map(({name, type}) => `${name} (${type})`).join(', ');
}

/** The statement that adds an index to a table with these columns, and what must be done before it. */
export function addIndex(table: string, schema: TableSchema | undefined, names: readonly string[]): string {
  const sql = `ALTER TABLE ${quoteName(table)} ADD INDEX (${names.map(quoteName).join(', ')});`;
  const wrong = notKeys(schema, names);
  return wrong.length === 0 ? sql : `give ${describe(wrong)} the type of the parent's key, and ${sql}`;
}
