/**
 * Columns of either side whose type cannot be mapped: start and doctor both refuse them, by name and with the SQL
 * that fixes them. Pure.
 */
import {nullable, retype} from './column-clause.ts';
import {refusesCondition} from './conditions.ts';
import {familyOf, type Family} from './families.ts';
import {fitsInteger} from './limits.ts';
import type {ColumnMap, Mapping, TableMap} from './mapping.ts';
import type {OperatorUse, Shape} from './operators/operator.ts';
import {operatorOf} from './operators/registry.ts';
import {unknownMembers} from './operators/texts.ts';
import {quoteName} from './quote.ts';
import {findColumn, type ColumnSchema, type TableSchema} from './schema.ts';

export interface TypeFault {
  readonly side: 'source' | 'target';
  readonly table: string;
  readonly column: string;
  readonly definition: string;
  readonly reason: string;
  /** The statement that gives the column a type that can be mapped. */
  readonly fix: string;
}

/** The types that the SQL gives to a column to fix it. */
const MENDED = {text: 'VARCHAR(255)', flag: 'TINYINT', integer: 'BIGINT', moment: 'DATETIME(6)'} as const;

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
    if (reason !== null) faults.set(name, faultOf('source', table, name, column, reason, type));
  };
  for (const map of mapping.tables.filter(({source}) => source === table)) {
    for (const {from, target, use} of map.columns)
      for (const name of from)
        look(name, (column, family) => unreadable(use, column, family), readableType(map, target, use));
    for (const condition of map.where) {
      const isNumber = condition.is === 'in' && condition.values.every(value => /^-?\d+$/.test(value));
      const isFlag = condition.is === 'in' && condition.values.every(value => /^[01]$/.test(value));
      const type = isFlag ? MENDED.flag : isNumber ? MENDED.integer : MENDED.text;
      look(condition.column, ({type: of}, family) => refusesCondition(condition, family, of), type);
    }
    for (const {column} of map.prefer) look(column, () => null, MENDED.text);
  }
  return [...faults.values()];
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
  if (key.includes(target)) return MENDED.integer;
  return use.operator === 'first' && /^\d{4}-\d\d-\d\d/.test(use.otherwise ?? '')
    ? MENDED.moment
    : MENDED.text;
}

/** The fault of a target column that does not return the value that was written to it; null if it does. */
export function targetTypeFault(map: TableMap, {use, target}: ColumnMap, shape: Shape): TypeFault | null {
  const reason =
    operatorOf(use).refuses(use, shape) ??
    notStored(use, shape) ??
    (map.key.includes(target) && isZerofilled(shape.column)
      ? 'the zeros that ZEROFILL puts in front of a key are read by others as a part of it'
      : null);
  if (reason === null) return null;
  const {column} = shape;
  const fault = faultOf('target', map.target, column.name, column, reason, writableType(use, shape));
  return writesNull(use) && !column.nullable
    ? {...fault, fix: nullable(quoteName(map.target), column)}
    : fault;
}

/** The fault of a target column whose type no mapping can write; the fix is the type of the operator's inputs. */
export function unknownTypeFault(
  map: TableMap,
  use: OperatorUse,
  column: ColumnSchema,
  inputs: Shape['inputs'],
): TypeFault {
  const type = writableType(use, {column, family: 'text', inputs});
  return faultOf('target', map.target, column.name, column, `its type ${column.type} cannot be mapped`, type);
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

/** The values that an operator can return, if the mapping lists them; null if they come from the source. */
function ownValues(use: OperatorUse): readonly string[] | null {
  switch (use.operator) {
    case 'lookup':
      return [...Object.values(use.values), ...(use.otherwise == null ? [] : [use.otherwise])];
    case 'oneOf':
      return ['1', '0'];
    case 'constant':
      return use.value === null ? [] : [use.value];
    default:
      return null;
  }
}

/** Whether the column has all members of another; those of a SET are read in the column's order. */
function holdsMembers(column: ColumnSchema, input: ColumnSchema): boolean {
  const [own, theirs] = [column.members ?? [], input.members ?? []];
  if (!theirs.every(member => own.includes(member))) return false;
  return column.type === 'enum' || own.filter(member => theirs.includes(member)).join() === theirs.join();
}

/** The column's own type with room for values of the mapping file; null where another type is needed. */
function typeForOwn(values: readonly string[], {column, family}: Shape): string | null {
  const unknown = values.flatMap(value => unknownMembers(column, value));
  if (column.members !== null && unknown.length > 0) {
    const members = [...column.members, ...new Set(unknown)].map(
      member => `'${member.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`,
    );
    return `${column.type.toUpperCase()}(${members.join(',')})`;
  }
  const own = values.filter(value => value !== '');
  if (own.length === 0) return null;
  switch (family) {
    case 'integer':
      return column.type !== 'year' && own.every(value => fitsInteger(BIGINT, value)) ? MENDED.integer : null;
    case 'decimal':
      return `DECIMAL(65,${Math.max(column.scale, ...own.map(value => value.split('.')[1]?.length ?? 0))})`;
    case 'bit':
      return own.some(value => value.startsWith('-')) ? MENDED.integer : 'BIT(64)';
    case 'float':
      return 'DOUBLE';
    case 'text': {
      // oxlint-disable-next-line typescript/no-misused-spread -- the server counts code points
      const longest = Math.max(...own.map(value => [...value].length));
      return longest > 255 ? `VARCHAR(${longest})` : null;
    }
    case 'binary': {
      const longest = Math.max(...own.map(value => Buffer.byteLength(value)));
      return longest > (column.maxLength ?? longest) ? `VARBINARY(${longest})` : null;
    }
    default:
      return null;
  }
}

const BIGINT = {type: 'bigint', unsigned: false} as const;
const isZerofilled = ({definition}: ColumnSchema): boolean => definition.includes('zerofill');
const BYTES: ReadonlySet<string> = new Set([
  'binary',
  'varbinary',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
]);

/** A type that returns the operator's values unchanged. Bytes stay bytes. */
function writableType(use: OperatorUse, shape: Shape): string {
  const {operator} = use;
  const {column, inputs} = shape;
  if (operator === 'oneOf') return MENDED.flag;
  const wider = typeForOwn(ownValues(use) ?? (use.operator === 'first' ? [use.otherwise ?? ''] : []), shape);
  if (wider !== null) return wider;
  const text = BYTES.has(column.type) ? `VARBINARY(${column.maxLength ?? 255})` : MENDED.text;
  const [input] = inputs;
  if (input === undefined || (operator !== 'copy' && operator !== 'first')) return text;
  switch (input.family) {
    case 'integer':
      return column.unsigned || input.schema.unsigned ? `${MENDED.integer} UNSIGNED` : MENDED.integer;
    case 'decimal':
    case 'bit':
      return input.schema.definition.replace(/ zerofill\b/, '');
    case 'float':
      return 'DOUBLE';
    case 'moment':
      return MENDED.moment;
    case 'time':
      return 'TIME(6)';
    case 'json':
      return 'JSON';
    case 'text':
    case 'binary':
      return text;
  }
}

function faultOf(
  side: TypeFault['side'],
  table: string,
  name: string,
  column: ColumnSchema,
  reason: string,
  type: string,
): TypeFault {
  return {
    side,
    table,
    column: name,
    definition: column.definition,
    reason,
    fix: retype(quoteName(table), column, type),
  };
}

/** The faults of a table as one text. */
export function describeFaults(side: TypeFault['side'], table: string, faults: readonly TypeFault[]): string {
  const columns = faults
    .map(({column, definition, reason}) => `${column} (${definition}: ${reason})`)
    .join(', ');
  const fixes = faults.map(({fix}) => fix).join(' ');
  return `the ${side} table ${table} has a type that cannot be mapped in the column ${columns}; on the ${side}: ${fixes}`;
}
