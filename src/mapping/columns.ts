/** The columns of each table, as the mapping names them and the two schemas have them. */
import {SyncError} from '../errors.ts';
import {familyOf, type Family} from './families.ts';
import {didYouMean, unmapped} from './file/faults.ts';
import {sourceColumnsOf, type ColumnMap, type Mapping, type TableMap} from './mapping.ts';
import type {PackedWriter, Shape} from './operators/operator.ts';
import {operatorOf} from './operators/registry.ts';
import {confusesEnds, cutsEnd} from './operators/texts.ts';
import type {SourceRow} from './packed.ts';
import {
  findColumn,
  type ColumnSchema,
  type SourceSchema,
  type TableSchema,
  type TargetSchema,
} from './schema.ts';
import {
  describeFaults,
  sourceTypeFaults,
  targetTypeFault,
  unknownTypeFault,
  type TypeFault,
} from './type-faults.ts';
import {fitOf, mappedTest, mayBeNull, type Fit} from './validity.ts';
import type {Value} from './values.ts';

/** A target column: the inputs of its value, and the values that it can hold. */
export interface ColumnPlan {
  /** Its name in the spelling of the target. */
  readonly name: string;
  readonly family: Family;
  readonly map: ColumnMap;
  readonly schema: ColumnSchema;
  readonly shape: Shape;
  /** The indexes of the inputs in a source row. */
  readonly inputs: readonly number[];
  /** Whether an input is bytes: a binary column takes them unchanged, every other column requires UTF-8. */
  readonly bytes: 'none' | 'checked' | 'exact';
  /** Whether the column drops spaces at the end of a value. */
  readonly cutsEnd: boolean;
  /** Whether a value that ends in a space is refused: without the space, it could be the key of another row. */
  readonly needsEnd: boolean;
  readonly fit: Fit;
  /** Whether a value may be null, which the column does not take. */
  readonly needsValue: boolean;
  /** The operator applied to a source row. */
  readonly value: (source: SourceRow) => Value;
  /** The same for a statement: without fractional digits of a second that the source does not have. */
  readonly written: (source: SourceRow) => Value;
  /** As {@link written}, of a packed row. */
  readonly write: PackedWriter;
  /** False for a row whose value a `lookup` without `otherwise` does not know. */
  readonly isMapped: (source: SourceRow) => boolean;
}

export interface TablePlan {
  /** Its index in the order of writing, and in every {@link PerTable}. */
  readonly index: number;
  readonly target: string;
  readonly map: TableMap;
  readonly columns: readonly ColumnPlan[];
  /** The columns of which some values cannot be written. */
  readonly fallible: readonly ColumnPlan[];
  /** The key's columns, in the spelling of the target. */
  readonly key: readonly string[];
  /** The indexes of the key's columns in a target row. */
  readonly keyIndexes: readonly number[];
  /** The index of the column that shows which of two rows is newer; -1 if the mapping names none. */
  readonly newestIndex: number;
  /** The target's AUTO_INCREMENT column, if it is not mapped. */
  readonly surrogate: string | null;
}

export interface SourcePlan {
  readonly table: string;
  /** The columns that are read, in the spelling of the mapping. */
  readonly columns: readonly string[];
  /** Null for an optional column that is absent. */
  readonly actual: readonly (string | null)[];
  readonly schema: TableSchema;
  /** The column at an index of a row; undefined for an optional column that is absent. */
  readonly schemas: readonly (ColumnSchema | undefined)[];
}

/**
 * Resolves the columns that the mapping reads, for every source table.
 *
 * @throws SyncError `schema-incompatible`, naming every table and column at fault
 */
export function sourcePlans(mapping: Mapping, schema: SourceSchema): SourcePlan[] {
  const faults: string[] = [];
  const plans: SourcePlan[] = [];
  for (const table of new Set(mapping.tables.map(({source}) => source))) {
    const found = schema.tables.get(table);
    if (found === undefined) {
      faults.push(`the source has no table ${table}${didYouMean(table, [...schema.tables.keys()])}`);
      continue;
    }
    if (found.isView === true)
      faults.push(
        `${table} of the source is a view, whose changes the log does not show: map the table itself`,
      );
    const maps = mapping.tables.filter(({source}) => source === table);
    const columns = [...new Set(maps.flatMap(sourceColumnsOf))];
    const schemas = columns.map(column => findColumn(found, column));
    faults.push(...missingSourceColumns(mapping, table, found));
    const typeFaults = sourceTypeFaults(mapping, table, found);
    if (typeFaults.length > 0) faults.push(describeFaults('source', table, typeFaults));
    plans.push({table, columns, actual: schemas.map(one => one?.name ?? null), schema: found, schemas});
  }
  if (faults.length > 0) throw new SyncError('schema-incompatible', faults.join('; '));
  return plans;
}

/** Says for each column that the mapping reads and a source table lacks that it is missing. */
export function missingSourceColumns(mapping: Mapping, table: string, found: TableSchema): string[] {
  const maps = mapping.tables.filter(({source}) => source === table);
  const columns = [...new Set(maps.flatMap(sourceColumnsOf))];
  const optional = new Set(
    maps.flatMap(({prefer}) => prefer.filter(one => one.optional).map(({column}) => column)),
  );
  const names = found.columns.map(({name}) => name);
  return columns
    .filter(column => findColumn(found, column) === undefined && !optional.has(column))
    .map(
      column =>
        `the source table ${table} lacks the column ${column}${didYouMean(column, unmapped(names, columns))}`,
    );
}

const NO_TABLE: TableSchema = {columns: [], uniqueKeys: [], indexes: [], rows: 0};

/** @param faults receives a message for each column that cannot be planned */
export function tablePlan(
  map: TableMap,
  index: number,
  sources: readonly SourcePlan[],
  target: TargetSchema,
  faults: string[],
): TablePlan {
  const schema = target.tables.get(map.target) ?? NO_TABLE;
  const source = sources.find(({table}) => table === map.source);
  if (source === undefined) throw new RangeError(`there is no plan of the source table ${map.source}`);
  const typeFaults: TypeFault[] = [];
  const columns = map.columns.flatMap(column => {
    const found = findColumn(schema, column.target);
    if (found === undefined) {
      const near = didYouMean(
        column.target,
        unmapped(
          schema.columns.map(({name}) => name),
          map.columns.map(({target: name}) => name),
        ),
      );
      faults.push(`the target table ${map.target} lacks the column ${column.target}${near}`);
      return [];
    }
    if (found.generated) {
      faults.push(
        `the target column ${map.target}.${column.target} is generated by the server: it cannot be written`,
      );
      return [];
    }
    const plan = columnPlan(map, column, found, source);
    if ('fix' in plan) typeFaults.push(plan);
    return 'fix' in plan ? [] : plan;
  });
  if (typeFaults.length > 0) faults.push(describeFaults('target', map.target, typeFaults));
  const indexOf = (name: string) =>
    columns.findIndex(plan => plan.map.target.toLowerCase() === name.toLowerCase());
  const isKey = (key: readonly string[]) =>
    key.length === map.key.length &&
    key.every(name => map.key.some(one => one.toLowerCase() === name.toLowerCase()));
  if (schema.isView === true)
    faults.push(`${map.target} of the target is a view, which has no keys: map a table`);
  else if (!schema.uniqueKeys.some(isKey))
    faults.push(`the target table ${map.target} has no unique key on (${map.key.join(', ')})`);
  const keyIndexes = map.key.map(indexOf);
  return {
    index,
    target: map.target,
    map,
    columns,
    fallible: columns.filter(({fit, needsValue}) => needsValue || fit !== 'never'),
    key: keyIndexes.map((at, i) => columns[at]?.name ?? map.key[i] ?? ''),
    keyIndexes,
    newestIndex: map.newest === null ? -1 : indexOf(map.newest),
    surrogate: schema.columns.find(({name, counts}) => counts === true && indexOf(name) < 0)?.name ?? null,
  };
}

/** Each target table with the plans of its columns, and the columns whose type cannot be mapped. */
export function planColumns(
  mapping: Mapping,
  sources: readonly SourcePlan[],
  {tables}: TargetSchema,
): {map: TableMap; columns: ColumnPlan[]; faults: TypeFault[]}[] {
  return mapping.tables.map(map => {
    const columns: ColumnPlan[] = [];
    const faults: TypeFault[] = [];
    for (const column of map.columns) {
      const schema = findColumn(tables.get(map.target) ?? NO_TABLE, column.target);
      const source = sources.find(({table}) => table === map.source);
      if (schema === undefined || source === undefined) continue;
      const plan = columnPlan(map, column, schema, source);
      if ('fix' in plan) faults.push(plan);
      else columns.push(plan);
    }
    return {map, columns, faults};
  });
}

function columnPlan(
  table: TableMap,
  map: ColumnMap,
  schema: ColumnSchema,
  source: SourcePlan,
): ColumnPlan | TypeFault {
  const family = familyOf(schema);
  const inputs = map.from.flatMap(name => {
    const place = source.columns.indexOf(name);
    const found = source.schemas[place];
    const known = found === undefined ? undefined : familyOf(found);
    return found === undefined || known === undefined ? [] : [{schema: found, family: known, place}];
  });
  if (family === undefined) return unknownTypeFault(table, map, schema, inputs);
  const shape: Shape = {column: schema, family, inputs};
  const fault = targetTypeFault(table, map, shape);
  if (fault !== null) return fault;
  const operator = operatorOf(map.use);
  const sourceFraction = Math.max(0, ...inputs.map(input => input.schema.fraction));
  const writtenFraction = Math.min(schema.fraction, sourceFraction);
  const written = operator.value(map.use, shape, writtenFraction);
  const bytes = bytesOf(map, shape);
  const needsEnd = table.key.includes(map.target) && confusesEnds(shape);
  const fit = fitOf(map, shape);
  // A value that is written as bytes must be UTF-8.
  const packed = bytes === 'exact' ? null : operator.packed(map.use, shape, writtenFraction);
  return {
    name: schema.name,
    family,
    map,
    schema,
    shape,
    inputs: inputs.map(({place}) => place),
    bytes,
    cutsEnd: map.use.operator !== 'constant' && cutsEnd(shape),
    needsEnd,
    fit: needsEnd ? 'value' : fit,
    needsValue: !schema.nullable && mayBeNull(table, map, shape),
    value: operator.value(map.use, shape, schema.fraction),
    written,
    write: packed ?? ((row, sink) => sink.value(written(row))),
    isMapped: mappedTest(map, shape),
  };
}

function bytesOf({use}: ColumnMap, {family, inputs}: Shape): ColumnPlan['bytes'] {
  const isOwn = use.operator === 'lookup' || use.operator === 'oneOf' || use.operator === 'constant';
  if (isOwn || !inputs.some(input => input.family === 'binary')) return 'none';
  return family === 'binary' ? 'exact' : 'checked';
}
