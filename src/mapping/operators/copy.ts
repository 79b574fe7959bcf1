/** `copy`: the source column's value as it is. */
import {canCarry, type Family} from '../families.ts';
import {cellOf} from '../packed.ts';
import {momentSql, roundMoment} from './moments.ts';
import type {Operator, Shape, UseOf} from './operator.ts';
import {cutEnd, cutEndSql, cutsEnd, trimmedEnd} from './texts.ts';

export const copy: Operator<UseOf<'copy'>> = {
  refuses: (_, shape) => {
    const [input] = shape.inputs;
    if (input?.family === 'decimal' && shape.family === 'decimal' && input.schema.scale > shape.column.scale)
      return `${input.schema.name} has ${input.schema.scale} digits behind the point, and the column has ${shape.column.scale}`;
    return input === undefined || canCarry(input.family, shape.family)
      ? null
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
    shape.family === 'moment' ? momentSql(input, shape) : cutEndSql(shape, input),
};

function hasFraction(family: Family): boolean {
  return family === 'moment' || family === 'time';
}

/** Dates have no digits of a second, and times have a sign; both keep their form. */
function copiedMoment(text: string, {column, family}: Shape, fraction: number): string {
  if (family === 'time') return roundTime(text, fraction);
  return column.type === 'date' ? text.slice(0, 10) : roundMoment(text, fraction);
}

/** @param text `[-]HHH:MM:SS[.ffffff]`, of no more digits than the column takes unless it has to be rounded */
function roundTime(text: string, fraction: number): string {
  const [whole = '', digits = ''] = text.split('.');
  if (digits.length <= fraction) return fraction === 0 ? whole : `${whole}.${digits.padEnd(fraction, '0')}`;
  // The server rounds by itself, away from zero at the half, as it does for a value of its own.
  return text;
}
