/** `trim`, `lower` and `upper`: a text without surrounding blanks, or in one case. */
import {cellOf} from '../packed.ts';
import {isText, type Value} from '../values.ts';
import {lowerSql, toLower, toUpper, upperSql} from './letter-case.ts';
import type {Operator, PackedWriter, Shape, UseOf} from './operator.ts';
import {cutEnd, cutEndSql, trimmedEnd, trimmedStart, trimSpaces} from './texts.ts';

const CHANGES: Readonly<Record<'trim' | 'lower' | 'upper', (text: string) => string>> = {
  trim: trimSpaces,
  lower: toLower,
  upper: toUpper,
};
const CHANGES_SQL: Readonly<Record<'trim' | 'lower' | 'upper', (expression: string) => string>> = {
  trim: expression => `TRIM(${expression})`,
  lower: lowerSql,
  upper: upperSql,
};

export const letters: Operator<UseOf<'trim' | 'lower' | 'upper'>> = {
  refuses: (_, shape) => refusesText(shape),
  value: ({operator}, shape) => {
    const place = shape.inputs[0]?.place ?? 0;
    const change = CHANGES[operator as keyof typeof CHANGES];
    const isOfLetters = operator !== 'trim';
    return (row): Value => {
      const cell = cellOf(row, place);
      if (cell === null || (isOfLetters && !isText(cell))) return cell;
      return cutEnd(shape, change(cell));
    };
  },
  packed: ({operator}, {inputs}) => (operator === 'trim' ? trimmedWriter(inputs[0]?.place ?? 0) : null),
  sql: ({operator}, [input = 'NULL'], shape) => {
    const change = CHANGES_SQL[operator as keyof typeof CHANGES_SQL];
    if (operator === 'trim' || shape.inputs[0]?.family !== 'binary') return cutEndSql(shape, change(input));
    // Bytes are converted if they are a text, and stay unchanged otherwise.
    const text = `CONVERT(${input} USING utf8mb4)`;
    const changed = cutEndSql(shape, change(text));
    return shape.family === 'binary'
      ? `IF(CAST(${text} AS BINARY) <=> ${input}, ${changed}, ${input})`
      : changed;
  },
};

function trimmedWriter(place: number): PackedWriter {
  return (row, sink) => {
    if (row.isNull(place)) return sink.value(null);
    const {bytes} = row;
    const start = trimmedStart(bytes, row.start(place), row.end(place));
    sink.bytes(bytes, start, trimmedEnd(bytes, start, row.end(place)));
  };
}

/** The check of operators that take texts and return one. */
export function refusesText({inputs, family, column}: Shape): string | null {
  const wrong = inputs.find(input => input.family !== 'text' && input.family !== 'binary');
  if (wrong !== undefined) return `${wrong.schema.name} is of the type ${wrong.schema.type} and not a text`;
  return family === 'text' || family === 'binary'
    ? null
    : `the result is a text, and the column is of the type ${column.type}`;
}
