/**
 * One immutable plan for each target table, derived from the mapping and the two schemas as found.
 * Stream, snapshot, repair, verify and counts all use it.
 */
import {SyncError} from '../errors.ts';
import {NO_CASCADES, type Cascades} from './cascades.ts';
import type {ColumnSchema, Reference, SourceSchema, TableSchema, TargetSchema} from './schema.ts';
import {
  SOURCE_TABLES,
  TABLE_MAPS,
  type ColumnMap,
  type SourceTable,
  type SourceTableMap,
  type TableMap,
  type TargetTable,
} from './tables.ts';
import {cellOf, type SourceRow} from './packed.ts';
import {packedWriter, type PackedWriter} from './packed-values.ts';
import {flagTest, isBinaryType, type FlagTest} from './column-kinds.ts';
import {TRANSFORMS, targetForm, type TargetForm} from './transforms.ts';
import {describeFaults, findColumn, sourceTypeFaults, targetTypeFaults} from './type-faults.ts';
import {canFail} from './validity.ts';
import type {Value} from './values.ts';

export type ColumnKind = 'integer' | 'text' | 'timestamp' | 'flag';

/** A target column, its value's source and what it can hold. */
export interface ColumnPlan {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly map: ColumnMap;
  readonly schema: ColumnSchema;
  /** Where the inputs stand in a source row. */
  readonly inputs: readonly number[];
  /** The source has more digits of a second than the target. */
  readonly rounds: boolean;
  /** Some input is bytes: for a binary column they are written as they are, for another one they must be UTF-8. */
  readonly bytes: 'none' | 'checked' | 'exact';
  readonly form: TargetForm;
  /** The transform applied to a source row. */
  readonly value: (source: SourceRow) => Value;
  /** The same for a statement: without digits of a second that the source does not have. */
  readonly written: (source: SourceRow) => Value;
  /** As {@link written}, of a packed row. */
  readonly write: PackedWriter;
}

export interface TablePlan {
  readonly target: TargetTable;
  readonly source: SourceTable;
  readonly map: TableMap;
  readonly columns: readonly ColumnPlan[];
  /** Those of which a value can be one that cannot be written. */
  readonly fallible: readonly ColumnPlan[];
  readonly key: readonly string[];
  /** Where the key stands in a target row. */
  readonly keyIndexes: readonly number[];
  readonly updatedAtIndex: number;
  /** The target's AUTO_INCREMENT column, where it is not a mapped one. */
  readonly surrogate: string | null;
  /** Where the key stands in a source row. */
  readonly sourceKeyIndexes: readonly number[];
  /** Where the columns that make a source row eligible stand in it; the flag is -1 where there is none. */
  readonly flagIndex: number;
  readonly isFlagSet: FlagTest;
  readonly notNullIndexes: readonly number[];
}

export interface SourcePlan {
  readonly table: SourceTable;
  /** Columns by the mapping's name, and the same by the name found; null where an optional one is absent. */
  readonly columns: readonly string[];
  readonly actual: readonly (string | null)[];
  readonly schema: TableSchema;
}

export interface Plan {
  readonly sources: Readonly<Record<SourceTable, SourcePlan>>;
  readonly tables: Readonly<Record<TargetTable, TablePlan>>;
  readonly references: readonly Reference[];
  readonly referringSchemas: TargetSchema['referringSchemas'];
  /** Two source rows may stand for one membership (the winner is by `winnerOrder`). */
  readonly pairsRepeat: boolean;
  readonly parentsEnforced: SourceSchema['parentsEnforced'];
  readonly cascades: Cascades;
}

const KIND_OF_TRANSFORM = {
  id: 'integer',
  copy: 'text',
  secret: 'text',
  trimmed: 'text',
  'full-name': 'text',
  role: 'text',
  'is-active': 'flag',
  timestamp: 'timestamp',
} as const;

/**
 * Builds the plan.
 *
 * @throws SyncError `schema-incompatible` or `target-incompatible`, naming every column at fault
 */
export function buildPlan(source: SourceSchema, target: TargetSchema): Plan {
  const sources = {
    institutes: sourcePlan('institutes', source.institutes),
    users: sourcePlan('users', source.users),
    institute_user: sourcePlan('institute_user', source.institute_user),
  };
  const faults: string[] = [];
  const build = (name: TargetTable) => tablePlan(name, sources, target[name], faults);
  const tables = {
    institute: build('institute'),
    user: build('user'),
    institute_users: build('institute_users'),
    user_auth: build('user_auth'),
  };
  if (faults.length > 0) throw new SyncError('target-incompatible', faults.join('; '));
  const pair = [
    actualName(sources.institute_user, 'institute_id'),
    actualName(sources.institute_user, 'user_id'),
  ];
  return {
    sources,
    tables,
    references: target.references,
    referringSchemas: target.referringSchemas,
    pairsRepeat: !source.institute_user.uniqueKeys.some(
      key => key.length <= pair.length && key.every(column => pair.includes(column)),
    ),
    parentsEnforced: source.parentsEnforced,
    cascades: source.cascades ?? NO_CASCADES,
  };
}

/**
 * Whether a foreign key is one that the order of our deletes answers for: of a membership or a user_auth
 * row to the parent that it is replicated with.
 */
export function isOwnReference({tables}: Plan): (reference: Reference) => boolean {
  return ({schema, table, columns, referenced, referencedColumns}) =>
    schema === '' &&
    (table === 'institute_users' || table === 'user_auth') &&
    columns.length === 1 &&
    tables[table].key.includes(columns[0] ?? '') &&
    columns[0] === referencedColumns[0] &&
    tables[referenced].key.length === 1 &&
    tables[referenced].key[0] === referencedColumns[0];
}

/** Resolves the mapping's columns of one source table in its schema. */
export function sourcePlan(table: SourceTable, schema: TableSchema): SourcePlan {
  const map: SourceTableMap = SOURCE_TABLES[table];
  const missing: string[] = [];
  const actual = map.columns.map(column => {
    const found = findColumn(schema, column);
    if (found === undefined && !map.optional.includes(column)) missing.push(column);
    return found?.name ?? null;
  });
  if (missing.length > 0) {
    throw new SyncError(
      'schema-incompatible',
      `the source table ${table} lacks the column ${missing.join(', ')}`,
    );
  }
  const faults = sourceTypeFaults(table, schema);
  if (faults.length > 0) throw new SyncError('schema-incompatible', describeFaults('source', table, faults));
  return {table, columns: map.columns, actual, schema};
}

/** The name under which a mapped column was found. */
export function actualName(plan: SourcePlan, column: string): string {
  return plan.actual[plan.columns.indexOf(column)] ?? column;
}

function tablePlan(
  name: TargetTable,
  sources: Plan['sources'],
  schema: TableSchema,
  faults: string[],
): TablePlan {
  const map: TableMap = TABLE_MAPS.find(({target}) => target === name) ?? TABLE_MAPS[0];
  const source = sources[map.source];
  const columns = map.columns.flatMap(column => {
    const found = findColumn(schema, column.target);
    if (found === undefined) {
      faults.push(`the target table ${name} lacks the column ${column.target}`);
      return [];
    }
    return [columnPlan(column, found, source)];
  });
  const typeFaults = targetTypeFaults(map, schema, column => inputsOf(source, column));
  if (typeFaults.length > 0) faults.push(describeFaults('target', name, typeFaults));
  const indexOf = (column: string) =>
    columns.findIndex(plan => plan.name.toLowerCase() === column.toLowerCase());
  const keyIndexes = map.key.map(indexOf);
  const isKey = (key: readonly string[]) =>
    key.length === map.key.length && key.every(column => keyIndexes.includes(indexOf(column)));
  if (!schema.uniqueKeys.some(isKey)) {
    faults.push(`the target table ${name} has no unique key on (${map.key.join(', ')})`);
  }
  return {
    target: name,
    source: map.source,
    map,
    columns,
    fallible: columns.filter(column => canFail(column, inputsOf(source, column.map))),
    key: map.key,
    keyIndexes,
    updatedAtIndex: indexOf('updatedAt'),
    surrogate: schema.columns.find(({name, counts}) => counts === true && indexOf(name) < 0)?.name ?? null,
    sourceKeyIndexes: map.key.map(column => columns[indexOf(column)]?.inputs[0] ?? 0),
    flagIndex: map.flag === undefined ? -1 : source.columns.indexOf(map.flag),
    isFlagSet: flagTest(map.flag === undefined ? undefined : findColumn(source.schema, map.flag)),
    notNullIndexes: map.notNull.map(column => source.columns.indexOf(column)),
  };
}

/** The source columns that a target column is made of, as far as they are there. */
export function inputsOf(source: SourcePlan, {from}: ColumnMap): readonly ColumnSchema[] {
  return from.flatMap(name => findColumn(source.schema, actualName(source, name)) ?? []);
}

function columnPlan(map: ColumnMap, schema: ColumnSchema, source: SourcePlan): ColumnPlan {
  const inputs = map.from.map(column => source.columns.indexOf(column));
  const schemas = inputsOf(source, map);
  const given = Math.max(0, ...schemas.map(({fraction}) => fraction));
  const written = targetForm(schema, map.transform, Math.min(schema.fraction, given));
  const form = targetForm(schema, map.transform);
  const bytes = !schemas.some(isBinaryType) ? 'none' : isBinaryType(schema) ? 'exact' : 'checked';
  return {
    name: schema.name,
    kind: KIND_OF_TRANSFORM[map.transform],
    map,
    schema,
    inputs,
    value: reader(map, inputs, form),
    written: reader(map, inputs, written),
    write: packedWriter(map.transform, inputs, written, bytes === 'exact'),
    rounds: map.transform === 'timestamp' && given > schema.fraction,
    bytes,
    form,
  };
}

/** The transform bound to its inputs' places, which is done for every row of every table. */
function reader({transform}: ColumnMap, inputs: readonly number[], form: TargetForm): ColumnPlan['value'] {
  const {value} = TRANSFORMS[transform];
  const [first = 0, second] = inputs;
  const isCopy = transform === 'id' || transform === 'copy' || transform === 'secret';
  if (isCopy && !form.cutsEnd) return source => cellOf(source, first);
  if (second === undefined) return source => value(cellOf(source, first), null, form);
  return source => value(cellOf(source, first), cellOf(source, second), form);
}
