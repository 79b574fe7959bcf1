/** Values that the mapping file itself gives: whether a column takes them, and how it gives them back. Pure. */
import {canonical, isValueOf, isYear} from '../families.ts';
import type {Value} from '../values.ts';
import {givenMoment, isDate, roundMoment} from './moments.ts';
import {textLiteral, type Shape} from './operator.ts';
import {cutEnd, memberNamed} from './texts.ts';

/** @returns why the column would not give a value back as it is written; null where it does */
export function refusesOwn(value: Value | undefined, {family, column}: Shape): string | null {
  if (value === null || value === undefined) return null;
  if (!isValueOf(family, value) || (family === 'moment' && !isDate(value)))
    return `'${value}' is no value of the type ${column.type}`;
  if (column.type === 'year' && !isYear(Number(value)))
    return `'${value}' is no year that the type year holds`;
  if (column.type === 'binary' && Buffer.byteLength(value) !== column.maxLength)
    return `'${value}' does not have the ${column.maxLength} bytes that the column holds`;
  if (column.members !== null && isNumberOfMembers(value, column.members))
    return `'${value}' is none of the members of the column, which takes it for the number of one`;
  const digits = canonical(family, value).split('.')[1]?.length ?? 0;
  if (family === 'decimal' && digits > column.scale)
    return `'${value}' has ${digits} digits behind the point, and the column has ${column.scale}`;
  return family === 'time' && digits > column.fraction
    ? `'${value}' has ${digits} digits of a second, and the column has ${column.fraction}`
    : null;
}

/** ENUM and SET take digits that are no member for the number of a member. Other texts are refused by the server. */
function isNumberOfMembers(value: string, members: readonly string[]): boolean {
  return /^ *\d+ *$/.test(value) && !members.includes(value.trimEnd());
}

/**
 * A value in the form that the column gives back.
 *
 * @param fraction digits of a second that a moment gets
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

/** How many digits of a second a moment is written with. */
export function digitsOf(moment: Value): number {
  return moment?.split('.')[1]?.length ?? 0;
}

/** @param value of {@link ownValue} */
export function ownSql(value: Value, {family}: Shape): string {
  if (value === null) return 'NULL';
  // As a double, which each server prints in its own way.
  return family === 'float' ? `(${value} + 0e0)` : textLiteral(value);
}
