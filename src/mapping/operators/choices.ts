/** `lookup` and `oneOf`: a value by a list of known inputs, compared without blanks around them and in upper case. */
import {canonical, isNumeric, type Family} from '../families.ts';
import {cellOf, type SourceRow} from '../packed.ts';
import type {Value} from '../values.ts';
import {textLiteral, type Operator, type Shape, type UseOf} from './operator.ts';
import {cutEnd, memberNamed, normalised, normalisedLiteral, normalisedSql} from './texts.ts';

const TEXTS: ReadonlySet<string> = new Set([
  'char',
  'varchar',
  'tinytext',
  'text',
  'mediumtext',
  'longtext',
  'enum',
  'set',
]);
const COMPARABLE: ReadonlySet<Family> = new Set(['text', 'binary', 'integer', 'bit', 'decimal']);

function refusesInput({inputs}: Shape): string | null {
  const [input] = inputs;
  return input === undefined || COMPARABLE.has(input.family)
    ? null
    : `${input.schema.name} is of the type ${input.schema.type}, which has no values to list`;
}

/** Numbers are compared by their value, whatever their form. */
function formOf(family: Family): (value: Value) => string {
  return isNumeric(family)
    ? value => (value === null ? '' : canonical(family, value))
    : value => normalised(value, family);
}

function comparedSql(input: string, {inputs}: Shape): string {
  const family = inputs[0]?.family ?? 'text';
  return isNumeric(family) ? `CAST(COALESCE(${input} + 0, '') AS BINARY)` : normalisedSql(input, family);
}

export const lookup: Operator<UseOf<'lookup'>> = {
  refuses: (_, shape) => refusesInput(shape),
  value: (use, shape) => {
    const {inputs} = shape;
    const known = knownValues(use, shape);
    const form = formOf(inputs[0]?.family ?? 'text');
    const place = inputs[0]?.place ?? 0;
    const otherwise = resultOf(use.otherwise ?? null, shape);
    return row => known.get(form(cellOf(row, place))) ?? otherwise;
  },
  packed: () => null,
  sql: (use, [input = 'NULL'], shape) => {
    const family = shape.inputs[0]?.family ?? 'text';
    const known = [...knownValues(use, shape)];
    const otherwise = resultOf(use.otherwise ?? null, shape);
    const result = (value: string | null) => (value === null ? 'NULL' : textLiteral(value));
    if (known.length === 0) return result(otherwise);
    const cases = known.map(([from, to]) => `WHEN ${normalisedLiteral(from, family)} THEN ${result(to)}`);
    return `CASE ${comparedSql(input, shape)} ${cases.join(' ')} ELSE ${result(otherwise)} END`;
  },
};

function knownValues({values}: UseOf<'lookup'>, shape: Shape): Map<string, Value> {
  const form = formOf(shape.inputs[0]?.family ?? 'text');
  return new Map(Object.entries(values).map(([from, to]) => [form(from), resultOf(to, shape)]));
}

/** A result as the column gives it back. */
function resultOf(value: Value, shape: Shape): Value {
  return cutEnd(shape, memberNamed(shape.column, value));
}

/** Whether `lookup` has a value for a row; where it has none and no `otherwise`, the row is a dead letter. */
export function isMapped(use: UseOf<'lookup'>, shape: Shape): (row: SourceRow) => boolean {
  if (use.otherwise !== undefined) return () => true;
  const known = knownValues(use, shape);
  const form = formOf(shape.inputs[0]?.family ?? 'text');
  const place = shape.inputs[0]?.place ?? 0;
  return row => known.has(form(cellOf(row, place)));
}

/** Whether the column gives back 1 and 0; a YEAR makes years of them. */
function takesFlags({family, column}: Shape): boolean {
  switch (family) {
    case 'integer':
      return column.type !== 'year';
    case 'bit':
      return true;
    case 'decimal':
      return column.scale === 0;
    case 'text':
      return TEXTS.has(column.type) && ['0', '1'].every(flag => column.members?.includes(flag) ?? true);
    default:
      return false;
  }
}

export const oneOf: Operator<UseOf<'oneOf'>> = {
  refuses: (_, shape) =>
    refusesInput(shape) ??
    (takesFlags(shape) ? null : `the result is 1 or 0, and the column is of the type ${shape.column.type}`),
  value: ({values}, {inputs}) => {
    const form = formOf(inputs[0]?.family ?? 'text');
    const known = new Set(values.map(form));
    const place = inputs[0]?.place ?? 0;
    return row => (known.has(form(cellOf(row, place))) ? '1' : '0');
  },
  packed: () => null,
  sql: ({values}, [input = 'NULL'], shape) => {
    const family = shape.inputs[0]?.family ?? 'text';
    const list = [...new Set(values.map(formOf(family)))]
      .map(form => normalisedLiteral(form, family))
      .join(', ');
    return `IF(${comparedSql(input, shape)} IN (${list}), 1, 0)`;
  },
};
