/** Blanks and letters in the two forms that servers and we agree on: U+0020 alone is a blank. Pure. */
import type {Value} from '../values.ts';

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

/** The form in which `lookup` and `oneOf` compare. Null is the empty text. */
export function normalised(value: Value): string {
  return value === null ? '' : trimSpaces(value).toUpperCase();
}

export function normalisedSql(expression: string): string {
  return `CAST(UPPER(TRIM(COALESCE(${expression}, ''))) AS BINARY)`;
}
