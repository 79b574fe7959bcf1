/** `copy`: the unchanged value of the source column. */
import {canCarry, type Family} from '../families.ts';
import {cellOf} from '../packed.ts';
import {momentSql, roundMoment} from './moments.ts';
import type {ColumnSchema} from '../schema.ts';
import type {Operator, Shape, UseOf} from './operator.ts';
import {cutEnd, cutEndSql, cutsEnd, trimmedEnd} from './texts.ts';

export const copy: Operator<UseOf<'copy'>> = {
  refuses: (_, shape) => {
    const [input] = shape.inputs;
    if (input === undefined) return null;
    return canCarry(input.family, shape.family)
      ? losesDigits(input.schema, shape)
      : `a value of the type ${input.schema.type} cannot be carried into a column of the type ${shape.column.type}`;
  },
  value: (_, shape, fraction) => {
    const place = shape.inputs[0]?.place ?? 0;
    if (!hasFraction(shape.family))
      return cutsEnd(shape) ? row => cutEnd(shape, cellOf(row, place)) : row => cellOf(row, place);
    return row => {
      const cell = cellOf(row, place);
      return cell === null ? null : copiedMoment(cell, shape, fraction);
    };
  },
  packed: (_, shape, fraction) => {
    const place = shape.inputs[0]?.place ?? 0;
    if (hasFraction(shape.family)) {
      const slow = copy.value({operator: 'copy'}, shape, fraction);
      return (row, sink) => sink.value(slow(row));
    }
    const isCut = cutsEnd(shape);
    return (row, sink) => {
      if (row.isNull(place)) return sink.value(null);
      const {bytes} = row;
      const [start, end] = [row.start(place), row.end(place)];
      sink.bytes(bytes, start, isCut ? trimmedEnd(bytes, start, end) : end);
    };
  },
  sql: (_, [input = 'NULL'], shape) =>
    shape.family === 'moment' ? momentSql(input, shape, false) : cutEndSql(shape, input),
};

/**
 * Why a column does not hold all values of another column of its family; null if it does. The program and SQL round
 * the fractional seconds of a moment alike. Those of a time are not rounded, because the servers differ in it.
 */
export function losesDigits(input: ColumnSchema, {family, column}: Shape): string | null {
  if (family === 'decimal' && input.scale > column.scale)
    return `${input.name} has ${input.scale} digits behind the point, and the column has ${column.scale}`;
  if (family === 'time' && input.fraction > column.fraction)
    return `${input.name} has ${input.fraction} digits of a second, and the column has ${column.fraction}`;
  if (family === 'moment' && column.type === 'date' && input.type !== 'date')
    return `${input.name} has a time of day, and the column has none`;
  if (family !== 'float') return null;
  if (input.type === 'double' && column.type === 'float')
    return `${input.name} is of the type double, which the type float rounds`;
  const digits = digitsOf(column);
  return digits !== null && (digits !== digitsOf(input) || input.type !== column.type)
    ? `it rounds to ${digits} digits, and ${input.name} has others`
    : null;
}

/** The digits of FLOAT(M,D) and DOUBLE(M,D), to which the server rounds; null for a column that rounds nothing. */
function digitsOf({definition}: ColumnSchema): string | null {
  return /^\w+(\(\d+,\d+\))/.exec(definition)?.[1] ?? null;
}

function hasFraction(family: Family): boolean {
  return family === 'moment' || family === 'time';
}

/** Dates have no fractional seconds, and times have a sign; both keep their form. */
function copiedMoment(text: string, {column, family}: Shape, fraction: number): string {
  if (family === 'time') return padTime(text, fraction);
  return column.type === 'date' ? text.slice(0, 10) : roundMoment(text, fraction);
}

/** @param text `[-]HHH:MM:SS[.ffffff]`, with no more digits than the column has */
function padTime(text: string, fraction: number): string {
  const [whole = '', digits = ''] = text.split('.');
  return fraction === 0 ? whole : `${whole}.${digits.padEnd(fraction, '0')}`;
}
