/** Values that are written in the mapping file: whether a column accepts them, and how it returns them. Pure. */
import {canonical, isValueOf, isYear} from '../families.ts';
import type {Value} from '../values.ts';
import {givenMoment, isDate, roundMoment} from './moments.ts';
import {textLiteral, type Shape} from './operator.ts';
import {cutEnd, memberNamed} from './texts.ts';

/** @returns why the column would not return a value as it is written; null if it would */
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

/** ENUM and SET interpret digits that are not a member as the number of a member. Servers refuse other texts. */
function isNumberOfMembers(value: string, members: readonly string[]): boolean {
  return /^ *\d+ *$/.test(value) && !members.includes(value.trimEnd());
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
