/** `lookup` and `oneOf`: a value by a list of known inputs, compared without blanks around them and in upper case. */
import {canonical, isNumeric, type Family} from '../families.ts';
import {cellOf, type SourceRow} from '../packed.ts';
import type {Value} from '../values.ts';
import {bytesLiteral, textLiteral, type Operator, type Shape, type UseOf} from './operator.ts';
import {normalised, normalisedSql} from './texts.ts';

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
    : value => normalised(value);
}

function comparedSql(input: string, {inputs}: Shape): string {
  const family = inputs[0]?.family ?? 'text';
  return isNumeric(family) ? `CAST(COALESCE(${input} + 0, '') AS BINARY)` : normalisedSql(input);
}

export const lookup: Operator<UseOf<'lookup'>> = {
  refuses: (_, shape) => refusesInput(shape),
  value: (use, {inputs}) => {
    const known = knownValues(use, inputs[0]?.family ?? 'text');
    const form = formOf(inputs[0]?.family ?? 'text');
    const place = inputs[0]?.place ?? 0;
    const otherwise = use.otherwise ?? null;
    return row => known.get(form(cellOf(row, place))) ?? otherwise;
  },
  packed: () => null,
  sql: (use, [input = 'NULL'], shape) => {
    const known = [...knownValues(use, shape.inputs[0]?.family ?? 'text')];
    const otherwise = use.otherwise ?? null;
    const result = (value: string | null) => (value === null ? 'NULL' : textLiteral(value));
    if (known.length === 0) return result(otherwise);
    const cases = known.map(([from, to]) => `WHEN ${bytesLiteral(from)} THEN ${result(to)}`);
    return `CASE ${comparedSql(input, shape)} ${cases.join(' ')} ELSE ${result(otherwise)} END`;
  },
};

function knownValues({values}: UseOf<'lookup'>, family: Family): Map<string, string> {
  const form = formOf(family);
  return new Map(Object.entries(values).map(([from, to]) => [form(from), to]));
}

/** Whether `lookup` has a value for a row; where it has none and no `otherwise`, the row is a dead letter. */
export function isMapped(use: UseOf<'lookup'>, {inputs}: Shape): (row: SourceRow) => boolean {
  if (use.otherwise !== undefined) return () => true;
  const family = inputs[0]?.family ?? 'text';
  const known = knownValues(use, family);
  const form = formOf(family);
  const place = inputs[0]?.place ?? 0;
  return row => known.has(form(cellOf(row, place)));
}

export const oneOf: Operator<UseOf<'oneOf'>> = {
  refuses: (_, shape) =>
    refusesInput(shape) ??
    (isNumeric(shape.family) && shape.family !== 'float'
      ? null
      : `the result is 1 or 0, and the column is of the type ${shape.column.type}`),
  value: ({values}, {inputs}) => {
    const form = formOf(inputs[0]?.family ?? 'text');
    const known = new Set(values.map(form));
    const place = inputs[0]?.place ?? 0;
    return row => (known.has(form(cellOf(row, place))) ? '1' : '0');
  },
  packed: () => null,
  sql: ({values}, [input = 'NULL'], shape) => {
    const form = formOf(shape.inputs[0]?.family ?? 'text');
    const list = [...new Set(values.map(form))].map(bytesLiteral).join(', ');
    return `IF(${comparedSql(input, shape)} IN (${list}), 1, 0)`;
  },
};
