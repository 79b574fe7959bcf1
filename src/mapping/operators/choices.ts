/** `lookup` and `oneOf`: a value by a list of known inputs, which are compared trimmed and in upper case. */
import {canonical, isNumeric, isValueOf, type Family} from '../families.ts';
import {cellOf, type SourceRow} from '../packed.ts';
import type {Value} from '../values.ts';
import type {Operator, Shape, UseOf} from './operator.ts';
import {ownSql, ownValue, refusesNamed} from './own-values.ts';
import {normalised, normalisedLiteral, normalisedSql} from './texts.ts';

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

/** @param values the values of the mapping; the empty text means null */
function refusesInput({inputs}: Shape, values: readonly string[]): string | null {
  const [input] = inputs;
  if (input === undefined) return null;
  const {family, schema} = input;
  if (!COMPARABLE.has(family))
    return `${schema.name} is of the type ${schema.type}, which has no values to list`;
  const wrong = isNumeric(family)
    ? values.find(value => value !== '' && !isValueOf(family, value))
    : undefined;
  return wrong === undefined
    ? null
    : `'${wrong}' is not a value of ${schema.name}, which is of the type ${schema.type}`;
}

/** Numbers are compared by value, in any form. */
function formOf(family: Family): (value: Value) => string {
  return isNumeric(family)
    ? value => (value === null || value === '' ? '' : canonical(family, value))
    : normalised;
}

/** Two values that compare as equal, as 1 and 01 do for a number, cannot mean different results. */
function refusesRepeated({inputs}: Shape, values: readonly string[]): string | null {
  const [input] = inputs;
  if (input === undefined) return null;
  const seen = new Map<string, string>();
  for (const value of values) {
    const form = formOf(input.family)(value);
    const other = seen.get(form);
    if (other !== undefined) return `'${other}' and '${value}' are the same value of ${input.schema.name}`;
    seen.set(form, value);
  }
  return null;
}

/** A condition that holds if the input has one of these forms. */
function isAmongSql(input: string, forms: readonly string[], {inputs}: Shape): string {
  const family = inputs[0]?.family ?? 'text';
  if (!isNumeric(family))
    return `${normalisedSql(input, family, forms.includes(''))} IN (${forms.map(form => normalisedLiteral(form)).join(', ')})`;
  const numbers = forms.filter(form => form !== '');
  const conditions = numbers.length === 0 ? [] : [`${input} IN (${numbers.join(', ')})`];
  if (numbers.length < forms.length) conditions.push(`${input} IS NULL`);
  return conditions.length === 1 ? conditions.join() : `(${conditions.join(' OR ')})`;
}

export const lookup: Operator<UseOf<'lookup'>> = {
  refuses: ({values, otherwise}, shape) => {
    const wrong = [...Object.values(values), otherwise].flatMap(value => refusesNamed(value, shape) ?? []);
    return (
      refusesInput(shape, Object.keys(values)) ??
      refusesRepeated(shape, Object.keys(values)) ??
      wrong[0] ??
      null
    );
  },
  value: (use, shape) => {
    const {inputs} = shape;
    const known = knownValues(use, shape);
    const form = formOf(inputs[0]?.family ?? 'text');
    const place = inputs[0]?.place ?? 0;
    const otherwise = ownValue(use.otherwise ?? null, shape);
    return row => known.get(form(cellOf(row, place))) ?? otherwise;
  },
  packed: () => null,
  sql: (use, [input = 'NULL'], shape) => {
    const family = shape.inputs[0]?.family ?? 'text';
    const known = [...knownValues(use, shape)];
    const otherwise = ownSql(ownValue(use.otherwise ?? null, shape), shape);
    if (known.length === 0) return otherwise;
    // A text is normalised once. Numbers are compared by value.
    const isText = !isNumeric(family);
    const cases = known.map(
      ([from, to]) =>
        `WHEN ${isText ? normalisedLiteral(from) : isAmongSql(input, [from], shape)} THEN ${ownSql(to, shape)}`,
    );
    const takesNull = known.some(([from]) => from === '');
    const value = isText ? `${normalisedSql(input, family, takesNull)} ` : '';
    return `CASE ${value}${cases.join(' ')} ELSE ${otherwise} END`;
  },
};

function knownValues({values}: UseOf<'lookup'>, shape: Shape): Map<string, Value> {
  const form = formOf(shape.inputs[0]?.family ?? 'text');
  return new Map(Object.entries(values).map(([from, to]) => [form(from), ownValue(to, shape)]));
}

/** Whether `lookup` has a value for a row; if it has neither a value nor `otherwise`, the row is a dead letter. */
export function isMapped(use: UseOf<'lookup'>, shape: Shape): (row: SourceRow) => boolean {
  if (use.otherwise !== undefined) return () => true;
  const known = knownValues(use, shape);
  const form = formOf(shape.inputs[0]?.family ?? 'text');
  const place = shape.inputs[0]?.place ?? 0;
  return row => known.has(form(cellOf(row, place)));
}

/** Whether the column returns 1 and 0 unchanged; a YEAR turns them into years. */
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
  refuses: ({values}, shape) =>
    refusesInput(shape, values) ??
    (takesFlags(shape) ? null : `the result is 1 or 0, and the column is of the type ${shape.column.type}`),
  value: ({values}, {inputs}) => {
    const form = formOf(inputs[0]?.family ?? 'text');
    const known = new Set(values.map(form));
    const place = inputs[0]?.place ?? 0;
    return row => (known.has(form(cellOf(row, place))) ? '1' : '0');
  },
  packed: () => null,
  sql: ({values}, [input = 'NULL'], shape) => {
    const forms = [...new Set(values.map(formOf(shape.inputs[0]?.family ?? 'text')))];
    return `IF(${isAmongSql(input, forms, shape)}, 1, 0)`;
  },
};
