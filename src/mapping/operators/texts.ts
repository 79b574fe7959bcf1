/** Blanks and upper or lower case, as the program and both servers define them: only U+0020 is a blank. Pure. */
import type {Family} from '../families.ts';
import type {ColumnSchema} from '../schema.ts';
import {isText, type Value} from '../values.ts';
import {toUpper, upperSql} from './letter-case.ts';
import type {Shape} from './operator.ts';

const SPACE = 32;

/** Cuts leading and trailing U+0020, as SQL's TRIM does; no other white space. */
export function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) === SPACE) start++;
  while (end > start && text.charCodeAt(end - 1) === SPACE) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

export function trimmedStart(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === SPACE) at++;
  return at;
}

export function trimmedEnd(bytes: Buffer, start: number, end: number): number {
  let at = end;
  while (at > start && bytes[at - 1] === SPACE) at--;
  return at;
}

/** Whether the column is a CHAR, which drops spaces at the end of a value. */
export function cutsEnd({family, column}: Shape): boolean {
  return family === 'text' && column.type === 'char';
}

/**
 * Whether two inputs can become one value, because they differ only in the spaces that the column drops. A
 * collation that pads considers them equal already.
 */
export function confusesEnds(shape: Shape): boolean {
  const isPadded = ({family, schema}: Shape['inputs'][number]) =>
    schema.type === 'char' ||
    schema.members !== null ||
    (family === 'text' && !/0900|nopad/.test(schema.collation ?? ''));
  return (
    cutsEnd(shape) &&
    shape.inputs.some(input => (input.family === 'text' || input.family === 'binary') && !isPadded(input))
  );
}

export function cutEnd(shape: Shape, value: Value): Value {
  return value !== null && cutsEnd(shape) ? value.replace(/ +$/, '') : value;
}

export function cutEndSql(shape: Shape, expression: string): string {
  return cutsEnd(shape) ? `TRIM(TRAILING ' ' FROM ${expression})` : expression;
}

/**
 * Inputs that can be used in one expression: two columns with different collations cannot, unless one collation is
 * named. All of them are UTF-8 or bytes at this point.
 */
export function ofOneCollation(expressions: readonly string[], {inputs}: Shape): readonly string[] {
  const collations = inputs.map(({family, schema}) =>
    family !== 'text' ? null : schema.charset === 'utf8mb4' ? schema.collation : '',
  );
  if (new Set(collations).size <= 1) return expressions;
  // If one input is bytes, all are treated as bytes, because bytes may not be a text.
  const hasBytes = collations.includes(null);
  return expressions.map((expression, i) => {
    if (hasBytes) return collations[i] === null ? expression : `CAST(${expression} AS BINARY)`;
    return `(${expression} COLLATE utf8mb4_bin)`;
  });
}

/** A value of the mapping in the spelling of the column's members, if the column has members. */
export function memberNamed<T extends Value>({type, members}: ColumnSchema, value: T): T | string {
  if (value === null || members === null) return value;
  if (type !== 'set') return memberLike(members, value) ?? value;
  const wanted = value.split(',').map(part => memberLike(members, part));
  // A SET returns its members in its own order, each once.
  return wanted.includes(undefined) ? value : members.filter(member => wanted.includes(member)).join(',');
}

/** The parts of a value that are not members of an ENUM or a SET; none for other columns. */
export function unknownMembers({type, members}: ColumnSchema, value: string): readonly string[] {
  if (members === null || (type === 'set' && value === '')) return [];
  const parts = type === 'set' ? value.split(',') : [value];
  return parts.filter(part => memberLike(members, part) === undefined);
}

function memberLike(members: readonly string[], value: string): string | undefined {
  // No member ends with a space. Members may differ in letter case alone.
  const wanted = value.replace(/ +$/, '');
  if (members.includes(wanted)) return wanted;
  return members.find(member => toUpper(member) === toUpper(wanted));
}

/**
 * The form in which `lookup` and `oneOf` compare. Null is the empty text. Bytes that are UTF-8 are compared as the text
 * that they encode; others are left as they are, and equal no value of the mapping.
 */
export function normalised(value: Value): string {
  if (value === null) return '';
  return isText(value) ? toUpper(trimSpaces(value)) : value;
}

/** The bytes of a normalised value. */
export function normalisedLiteral(form: string): string {
  return `x'${Buffer.from(form, 'utf8').toString('hex')}'`;
}

/** @param takesNull whether null is among the values of the comparison; otherwise it equals none of them in SQL, too */
export function normalisedSql(expression: string, family: Family = 'text', takesNull = true): string {
  const value = takesNull ? `COALESCE(${expression}, '')` : expression;
  if (family !== 'binary') return `CAST(${upperSql(`TRIM(${value})`)} AS BINARY)`;
  // MariaDB converts bytes that are not UTF-8 to question marks, and MySQL to NULL.
  const text = `CONVERT(${value} USING utf8mb4)`;
  return `IF(CAST(${text} AS BINARY) = ${value}, CAST(${upperSql(`TRIM(${text})`)} AS BINARY), ${value})`;
}
