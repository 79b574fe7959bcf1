/**
 * Columns of either side whose type cannot be mapped: start and doctor both refuse them, by name and with the SQL
 * that fixes them. Pure.
 */
import {nullable, retype} from './column-clause.ts';
import {refusesCondition} from './conditions.ts';
import {familyOf, type Family} from './families.ts';
import {COMMON, fittingType, ownValues} from './fitting-types.ts';
import type {ColumnMap, Mapping, TableMap} from './mapping.ts';
import type {OperatorUse, Shape} from './operators/operator.ts';
import {operatorOf} from './operators/registry.ts';
import {quoteName} from './quote.ts';
import {findColumn, type ColumnSchema, type TableSchema} from './schema.ts';
import {mayBeNull} from './validity.ts';

export interface TypeFault {
  readonly side: 'source' | 'target';
  readonly table: string;
  readonly column: string;
  readonly definition: string;
  readonly reason: string;
  /** The statement that gives the column a type that can be mapped. */
  readonly fix: string;
}

/** The columns of a source table that cannot be read as the mapping uses them, each once. */
export function sourceTypeFaults(mapping: Mapping, table: string, schema: TableSchema): TypeFault[] {
  const faults = new Map<string, TypeFault>();
  const look = (
    name: string,
    refuses: (column: ColumnSchema, family: Family) => string | null,
    type: string,
  ) => {
    const column = findColumn(schema, name);
    if (column === undefined || faults.has(name)) return;
    const family = familyOf(column);
    const reason =
      family === undefined ? `values of the type ${column.type} cannot be carried` : refuses(column, family);
    if (reason !== null)
      faults.set(name, {
        side: 'source',
        table,
        column: name,
        definition: column.definition,
        reason,
        fix: family === undefined ? readableCopy(table, column) : retype(quoteName(table), column, type),
      });
  };
  for (const map of mapping.tables.filter(({source}) => source === table)) {
    for (const {from, target, use} of map.columns)
      for (const name of from)
        look(name, (column, family) => unreadable(use, column, family), readableType(map, target, use));
    for (const condition of map.where) {
      const isNumber = condition.is === 'in' && condition.values.every(value => /^-?\d+$/.test(value));
      const isFlag = condition.is === 'in' && condition.values.every(value => /^[01]$/.test(value));
      const type = isFlag ? COMMON.flag : isNumber ? COMMON.integer : COMMON.text;
      look(condition.column, ({type: of}, family) => refusesCondition(condition, family, of), type);
    }
    for (const {column} of map.prefer) look(column, () => null, COMMON.text);
  }
  return [...faults.values()];
}

const SPATIAL = /^(?:geometry|point|linestring|polygon|multi\w+|geom\w*collection)$/;

/** The values of a source are never dropped: another column shows them as text, and can be mapped instead. */
function readableCopy(table: string, {name, type}: ColumnSchema): string {
  if (!SPATIAL.test(type))
    return 'remove the column from the mapping, or map a generated column that holds it as text or a number';
  const copy = quoteName(`${name.slice(0, 59)}_text`);
  return `ALTER TABLE ${quoteName(table)} ADD COLUMN ${copy} LONGTEXT AS (ST_AsText(${quoteName(name)})) STORED; /* and map this column instead */`;
}

/** The reason why an operator does not accept an input, for any target column. */
function unreadable({operator}: OperatorUse, {type}: ColumnSchema, family: Family): string | null {
  switch (operator) {
    case 'trim':
    case 'lower':
    case 'upper':
    case 'join':
      return family === 'text' || family === 'binary' ? null : `a value of the type ${type} is not a text`;
    case 'lookup':
    case 'oneOf':
      return family === 'float' || family === 'json' || family === 'moment' || family === 'time'
        ? `a value of the type ${type} cannot be looked up`
        : null;
    case 'copy':
    case 'first':
    case 'constant':
      return null;
  }
}

function readableType({key}: TableMap, target: string, use: OperatorUse): string {
  if (key.includes(target)) return COMMON.integer;
  return use.operator === 'first' && /^\d{4}-\d\d-\d\d/.test(use.otherwise ?? '')
    ? COMMON.moment
    : COMMON.text;
}

/** The fault of a target column that does not return the value that was written to it; null if it does. */
export function targetTypeFault(map: TableMap, columnMap: ColumnMap, shape: Shape): TypeFault | null {
  const {use, target} = columnMap;
  const {column} = shape;
  const refusal = (of: Shape) =>
    operatorOf(use).refuses(use, of) ??
    notStored(use, of) ??
    (map.key.includes(target) && isZerofilled(column)
      ? 'the zeros that ZEROFILL puts in front of a key are read by others as a part of it'
      : null);
  const reason = refusal(shape);
  if (reason === null) return null;
  const isNullOnly = refusal({...shape, column: {...column, nullable: true}}) === null;
  const fault = {
    side: 'target',
    table: map.target,
    column: column.name,
    definition: column.definition,
    reason,
  } as const;
  return {
    ...fault,
    fix: isNullOnly
      ? nullable(quoteName(map.target), column)
      : retype(quoteName(map.target), column, fittingType(use, shape, map.key.includes(target)), {
          charset: charsetFor(shape),
          nullable: !column.nullable && (writesNull(use) || mayBeNull(map, columnMap, shape)),
        }),
  };
}

/** The character set that a text column needs for its inputs; undefined if its own will do. */
function charsetFor({column: {charset}, inputs}: Shape): string | undefined {
  const others = inputs.filter(({family}) => family === 'text' || family === 'binary' || family === 'json');
  return charset === null || others.some(({schema}) => schema.charset !== charset) ? 'utf8mb4' : undefined;
}

/** The fault of a target column whose type no mapping can write; the fix is the type of the operator's inputs. */
export function unknownTypeFault(
  map: TableMap,
  columnMap: ColumnMap,
  column: ColumnSchema,
  inputs: Shape['inputs'],
): TypeFault {
  const shape: Shape = {column, family: 'text', inputs};
  return {
    side: 'target',
    table: map.target,
    column: column.name,
    definition: column.definition,
    reason: `its type ${column.type} cannot be mapped`,
    fix: retype(quoteName(map.target), column, fittingType(columnMap.use, shape), {
      charset: 'utf8mb4',
      nullable: !column.nullable && mayBeNull(map, columnMap, shape),
    }),
  };
}

/** BINARY appends zeros to a value, ENUM and SET accept only their members, and a UUID has a form of its own. */
function notStored(use: OperatorUse, shape: Shape): string | null {
  const {column, inputs} = shape;
  const isCopy = use.operator === 'copy' || use.operator === 'first';
  const isLike = (same: (input: ColumnSchema) => boolean) =>
    isCopy && inputs.every(({schema}) => schema.type === column.type && same(schema));
  switch (column.type) {
    case 'binary':
      if (isLike(({maxLength}) => maxLength === column.maxLength)) return null;
      return ownValues(use)?.every(value => Buffer.byteLength(value) === column.maxLength) === true
        ? null
        : 'BINARY puts zeros behind a value that is shorter';
    case 'enum':
    case 'set':
      if (ownValues(use) !== null || isLike(input => holdsMembers(column, input))) return null;
      return 'it takes its own members only, and not all of the values are known to be among them';
    case 'inet4':
    case 'inet6':
    case 'uuid':
      return ownValues(use) !== null || isLike(() => true)
        ? null
        : `a ${column.type.toUpperCase()} has a form of its own`;
    default:
      return null;
  }
}

/** Whether the mapping itself names null as a value. */
function writesNull(use: OperatorUse): boolean {
  return (
    (use.operator === 'constant' && use.value === null) ||
    (use.operator === 'lookup' && use.otherwise === null)
  );
}

/** Whether the column has all members of another; those of a SET are read in the column's order. */
function holdsMembers(column: ColumnSchema, input: ColumnSchema): boolean {
  const [own, theirs] = [column.members ?? [], input.members ?? []];
  if (!theirs.every(member => own.includes(member))) return false;
  return column.type === 'enum' || own.filter(member => theirs.includes(member)).join() === theirs.join();
}

const isZerofilled = ({definition}: ColumnSchema): boolean => definition.includes('zerofill');

/** The faults of a table as one text. */
export function describeFaults(side: TypeFault['side'], table: string, faults: readonly TypeFault[]): string {
  const columns = faults
    .map(({column, definition, reason}) => `${column} (${definition}: ${reason})`)
    .join(', ');
  const fixes = faults.map(({fix}) => fix).join(' ');
  return `the ${side} table ${table} has a type that cannot be mapped in the column ${columns}; on the ${side}: ${fixes}`;
}
