/**
 * Columns of either side whose type cannot be mapped: start and doctor both refuse them, by name and with the SQL
 * that mends them. Pure.
 */
import {isBinaryType, isReadable, isWritable, MENDED_TYPES, type Use} from './column-kinds.ts';
import {retype} from './column-clause.ts';
import type {ColumnSchema, TableSchema} from './schema.ts';
import {TABLE_MAPS, type ColumnMap, type SourceTable, type TableMap, type TransformName} from './tables.ts';

export interface TypeFault {
  readonly column: string;
  readonly definition: string;
  /** The statement that gives the column a type that can be mapped. */
  readonly mend: string;
}

/** What a column is used as, on both sides. */
export const USE_OF_TRANSFORM: Readonly<Record<TransformName, {readonly source: Use; readonly target: Use}>> =
  {
    id: {source: 'id', target: 'id'},
    copy: {source: 'text', target: 'text'},
    secret: {source: 'text', target: 'text'},
    trimmed: {source: 'text', target: 'text'},
    'full-name': {source: 'text', target: 'text'},
    role: {source: 'text', target: 'text'},
    'is-active': {source: 'text', target: 'flag'},
    timestamp: {source: 'time', target: 'time'},
  };

/** Finds a column by its name, in whatever case. */
export function findColumn(schema: TableSchema, name: string): ColumnSchema | undefined {
  return schema.columns.find(column => column.name.toLowerCase() === name.toLowerCase());
}

/** The columns of a source table that cannot be read as the mapping uses them, each once. */
export function sourceTypeFaults(table: SourceTable, schema: TableSchema): TypeFault[] {
  const maps: readonly TableMap[] = TABLE_MAPS.filter(({source}) => source === table);
  const uses = maps.flatMap(({columns, flag}) => [
    ...columns.flatMap(({from, transform}) =>
      from.map(column => ({column, use: USE_OF_TRANSFORM[transform].source})),
    ),
    ...(flag === undefined ? [] : [{column: flag, use: 'flag' as const}]),
  ]);
  const faults = new Map<string, TypeFault>();
  for (const {column, use} of uses) {
    const found = findColumn(schema, column);
    if (found === undefined || isReadable(found, use)) continue;
    faults.set(column, faultOf(table, column, found, MENDED_TYPES[use]));
  }
  return [...faults.values()];
}

/**
 * The columns of a target table that do not give back what is written to them.
 *
 * @param inputsOf the source columns that a target column is made of
 */
export function targetTypeFaults(
  map: TableMap,
  schema: TableSchema,
  inputsOf: (column: ColumnMap) => readonly ColumnSchema[],
): TypeFault[] {
  return map.columns.flatMap(column => {
    const found = findColumn(schema, column.target);
    if (found === undefined) return [];
    const {target: use} = USE_OF_TRANSFORM[column.transform];
    if (isWritable(found, use) && storesAll(found, column, inputsOf(column))) return [];
    return [faultOf(map.target, found.name, found, mendedType(found, use))];
  });
}

/** Whether a text is stored as it is: BINARY puts zeros behind it, and ENUM and SET take their own members only. */
function storesAll(target: ColumnSchema, {transform}: ColumnMap, inputs: readonly ColumnSchema[]): boolean {
  const isCopy = transform === 'copy' || transform === 'secret';
  switch (target.type) {
    case 'binary':
      return (
        isCopy && inputs.every(({type, maxLength}) => type === 'binary' && maxLength === target.maxLength)
      );
    case 'enum':
    case 'set':
      if (transform === 'role' || transform === 'is-active') return true;
      return (
        isCopy &&
        inputs.every(
          ({type, members}) =>
            type === target.type && members?.every(member => target.members?.includes(member)) === true,
        )
      );
    default:
      return true;
  }
}

/** Bytes stay bytes. */
function mendedType(column: ColumnSchema, use: Use): string {
  if (use === 'id' && column.unsigned) return 'BIGINT UNSIGNED';
  return use === 'text' && isBinaryType(column) ? `VARBINARY(${column.maxLength ?? 255})` : MENDED_TYPES[use];
}

function faultOf(table: string, name: string, column: ColumnSchema, type: string): TypeFault {
  const quoted = `\`${table.replaceAll('`', '``')}\``;
  return {column: name, definition: column.definition, mend: retype(quoted, column, type)};
}

/** The faults of a table as one text. */
export function describeFaults(
  side: 'source' | 'target',
  table: string,
  faults: readonly TypeFault[],
): string {
  const columns = faults.map(({column, definition}) => `${column} (${definition})`).join(', ');
  const mends = faults.map(({mend}) => mend).join(' ');
  return `the ${side} table ${table} has a type that cannot be mapped in the column ${columns}; on the ${side}: ${mends}`;
}
