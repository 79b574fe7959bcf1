/** Target columns that cannot hold every value of their source columns: a warning, because most rows fit. Pure. */
import {retype} from '../mapping/column-clause.ts';
import type {ColumnPlan} from '../mapping/columns.ts';
import type {TableMap} from '../mapping/mapping.ts';
import {decimalType, integerType, momentType, ownValues, textType} from '../mapping/fitting-types.ts';
import {isNumeric} from '../mapping/families.ts';
import {bitsOf, holdsAll, integerBits} from '../mapping/limits.ts';
import {quoteName} from '../mapping/quote.ts';
import {hasRoom, roomFor} from '../mapping/rooms.ts';
import type {ColumnSchema} from '../mapping/schema.ts';
import {warning, type Finding} from './findings.ts';

const LOST_WHY = 'a row that does not fit waits as a dead letter, and the others are written';
/** The warnings about one column. */
export function narrower(table: TableMap, column: ColumnPlan): Finding[] {
  // Values of the mapping are checked by the plan.
  if (ownValues(column.map.use) !== null) return [];
  const {schema} = column;
  const inputs = column.shape.inputs.map(input => input.schema);
  const number = (holds: (input: ColumnSchema) => boolean, type: () => string) =>
    narrowerNumber(
      table,
      column,
      inputs.find(input => !holds(input)),
      type,
    );
  const integer = () => integerType({unsigned: false}, inputs);
  switch (column.family) {
    case 'integer':
      return number(input => holdsInteger(schema, input), integer);
    case 'decimal':
      return number(
        input => holdsAll(schema, input),
        () => decimalType([...inputs, schema]),
      );
    case 'bit':
      return number(
        input => holdsBits(schema, input),
        () => (inputs.every(({type}) => type === 'bit') ? 'BIT(64)' : integer()),
      );
    case 'float':
      return number(
        input => !schema.unsigned || input.unsigned,
        () => 'DOUBLE',
      );
    case 'moment':
      return narrowerMoment(table, column, inputs);
    case 'text':
    case 'binary':
      return schema.members === null ? narrowerText(table, column, inputs) : [];
    case 'time':
    case 'json':
      return [];
  }
}

function holdsInteger(column: ColumnSchema, input: ColumnSchema): boolean {
  if (column.type === 'year') return input.type === 'year';
  if (input.type === 'year') return column.type !== 'tinyint';
  if (input.type === 'bit') return integerBits(column) >= bitsOf(input);
  const [room, needed] = [integerBits({...column, unsigned: true}), integerBits({...input, unsigned: true})];
  // No counter passes 2^63 or is negative, so the signs of larger integers need no warning.
  return room > needed || (room === needed && (room === 64 || column.unsigned === input.unsigned));
}

function holdsBits(column: ColumnSchema, input: ColumnSchema): boolean {
  if (input.type === 'bit') return bitsOf(column) >= bitsOf(input);
  return input.unsigned && bitsOf(column) >= integerBits(input);
}

function narrowerNumber(
  table: TableMap,
  column: ColumnPlan,
  wider: ColumnSchema | undefined,
  type: () => string,
): Finding[] {
  if (wider === undefined) return [];
  return [
    warning('target', 'target-width', {
      message: isAndSource(table, column, wider),
      why: LOST_WHY,
      fix: retype(quoteName(table.target), column.schema, type()),
    }),
  ];
}

function isAndSource({target}: TableMap, {name, schema}: ColumnPlan, input: ColumnSchema): string {
  return `${target}.${name} is ${schema.definition}, its source ${input.definition}`;
}

function earlier({schema, shape}: ColumnPlan): ColumnSchema | undefined {
  return schema.type === 'timestamp'
    ? shape.inputs.map(input => input.schema).find(({type}) => type !== 'timestamp')
    : undefined;
}

function finer({schema, shape}: ColumnPlan): ColumnSchema | undefined {
  return schema.type === 'date'
    ? undefined
    : shape.inputs.map(input => input.schema).find(({fraction}) => fraction > schema.fraction);
}

/** A TIMESTAMP begins in 1970 and ends in 2038 or 2106. */
function narrowerMoment(table: TableMap, column: ColumnPlan, inputs: readonly ColumnSchema[]): Finding[] {
  const {schema} = column;
  const early = earlier(column);
  if (early === undefined) return [];
  const rounds =
    finer(column) === undefined ? '' : `; a moment is rounded to ${schema.fraction} digits of a second`;
  return [
    warning('target', 'target-width', {
      message: isAndSource(table, column, early),
      why: `a TIMESTAMP begins in 1970 and ends in 2038 or 2106: ${LOST_WHY}${rounds}`,
      fix: retype(quoteName(table.target), schema, momentType(schema, inputs)),
    }),
  ];
}

/** The warning about a column that has room for each moment, but rounds it. */
export function coarser(table: TableMap, column: ColumnPlan): Finding[] {
  const {schema, family, shape} = column;
  const fine = finer(column);
  const isRounded = family === 'moment' && ownValues(column.map.use) === null;
  if (!isRounded || fine === undefined || earlier(column) !== undefined) return [];
  const inputs = shape.inputs.map(input => input.schema);
  const type =
    schema.type === 'timestamp'
      ? `TIMESTAMP(${Math.max(...inputs.map(({fraction}) => fraction))})`
      : momentType(schema, inputs);
  return [
    warning('target', 'target-width', {
      message: isAndSource(table, column, fine),
      why: `a moment is rounded to ${schema.fraction} digits of a second`,
      fix: retype(quoteName(table.target), schema, type),
    }),
  ];
}

function narrowerText(table: TableMap, column: ColumnPlan, inputs: readonly ColumnSchema[]): Finding[] {
  const {schema, map, shape, name} = column;
  const at = `${table.target}.${name}`;
  const needed = roomFor(map.use, inputs);
  const isCounted = schema.type === 'char' || schema.type === 'varchar';
  const isLike = inputs.every(
    input =>
      map.use.operator !== 'join' &&
      input.type === schema.type &&
      input.maxLength === schema.maxLength &&
      input.charset === schema.charset,
  );
  const recoded = isNarrowCharset(column) ? 'utf8mb4' : undefined;
  const isWide = isLike || hasRoom(schema, needed);
  const type = isWide
    ? schema.columnType
    : textType(needed, shape.family === 'binary', table.key.includes(map.target));
  // One statement fixes both, so that the second does not undo the first.
  const fix = retype(quoteName(table.target), schema, type, {charset: recoded});
  const findings: Finding[] = [];
  if (!isWide) {
    const [unit, length] = isCounted ? ['characters', needed.characters] : ['bytes', needed.bytes];
    const message = `${at} holds ${schema.maxLength} ${unit}, its source ${length}`;
    findings.push(warning('target', 'target-width', {message, why: LOST_WHY, fix}));
  }
  if (recoded !== undefined) {
    const message = `${at} is ${schema.charset}`;
    const why = `text beyond it cannot be stored: ${LOST_WHY}`;
    findings.push(warning('target', 'target-charset', {message, why, fix}));
  }
  return findings;
}

/** Numbers are ASCII, which every character set has. */
function isNarrowCharset({schema: {charset}, shape: {inputs}}: ColumnPlan): boolean {
  if (charset === null || charset === 'utf8mb4') return false;
  return inputs.some(({family, schema}) => !isNumeric(family) && schema.charset !== charset);
}
