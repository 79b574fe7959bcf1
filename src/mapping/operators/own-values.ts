/** Values that are written in the mapping file: whether a column accepts them, and how it returns them. Pure. */
import {canonical, isValueOf, isYear} from '../families.ts';
import {fitsInteger, fitsNumber, fitsText, fitsTime} from '../limits.ts';
import type {Value} from '../values.ts';
import {givenMoment, isDate, roundMoment} from './moments.ts';
import {textLiteral, type Shape} from './operator.ts';
import {cutEnd, memberNamed, unknownMembers} from './texts.ts';

/** @returns why the column would not return a value as it is written; null if it would */
export function refusesOwn(value: Value | undefined, shape: Shape): string | null {
  if (value === null || value === undefined) return null;
  const {family, column} = shape;
  if (!isValueOf(family, value) || (family === 'moment' && !isDate(value)))
    return `'${value}' is not a value of the type ${column.type}`;
  if (column.type === 'year' && !isYear(Number(value)))
    return `'${value}' is not a year that the type year holds`;
  if (column.type === 'binary' && Buffer.byteLength(value) !== column.maxLength)
    return `'${value}' does not have the ${column.maxLength} bytes that the column holds`;
  const [unknown] = unknownMembers(column, value);
  if (unknown !== undefined) return `'${unknown}' is not a member of the column`;
  const digits = canonical(family, value).split('.')[1]?.length ?? 0;
  if (family === 'decimal' && digits > column.scale)
    return `'${value}' has ${digits} digits behind the point, and the column has ${column.scale}`;
  if (family === 'time' && digits > column.fraction)
    return `'${value}' has ${digits} digits of a second, and the column has ${column.fraction}`;
  return hasRoomFor(value, shape) ? null : `'${value}' does not fit the column`;
}

/** As {@link refusesOwn}, for a value that the mapping always names: null is refused for a column without nulls, too. */
export function refusesNamed(value: Value | undefined, shape: Shape): string | null {
  return value === null && !shape.column.nullable
    ? 'the mapping writes null, and the column is NOT NULL'
    : refusesOwn(value, shape);
}

function hasRoomFor(value: string, {family, column}: Shape): boolean {
  switch (family) {
    case 'integer':
      return fitsInteger(column, canonical(family, value));
    case 'decimal':
    case 'bit':
    case 'float':
      return fitsNumber(column, canonical(family, value));
    case 'text':
      return fitsText(column, column.type === 'char' ? value.replace(/ +$/, '') : value);
    case 'binary':
      return fitsText(column, value);
    case 'time':
      return fitsTime(value);
    case 'moment':
    case 'json':
      return true;
  }
}

/**
 * A value in the form in which the column returns it.
 *
 * @param fraction the number of fractional digits of a second in a moment
 */
export function ownValue(value: Value, shape: Shape, fraction = shape.column.fraction): Value {
  if (value === null) return null;
  const {family, column} = shape;
  switch (family) {
    case 'integer':
    case 'decimal':
    case 'bit':
      return canonical(family, value);
    case 'float':
      return canonical(family, String(column.type === 'float' ? Math.fround(Number(value)) : Number(value)));
    case 'moment':
      return column.type === 'date'
        ? value.slice(0, 10)
        : roundMoment(givenMoment(value, shape), Math.min(fraction, column.fraction));
    case 'text':
    case 'binary':
    case 'time':
    case 'json':
      return cutEnd(shape, memberNamed(column, value));
  }
}

/** How many fractional digits of a second a moment is written with. */
export function digitsOf(moment: Value): number {
  return moment?.split('.')[1]?.length ?? 0;
}

/** @param value the result of {@link ownValue} */
export function ownSql(value: Value, {family}: Shape): string {
  if (value === null) return 'NULL';
  // The literal is a double, which each server prints in its own way.
  return family === 'float' ? `(${value} + 0e0)` : textLiteral(value);
}
