/**
 * The conditions of `where` in three forms that agree: on values, on packed bytes, and in SQL. A value is
 * compared by the type of its column: numbers by their value, everything else byte by byte. A text is never compared
 * with a number in SQL: for ENUM and SET the server would compare the number of the member.
 */
import {canonical, isNumeric, isValueOf, type Family} from './families.ts';
import type {Condition} from './mapping.ts';
import {bytesLiteral} from './operators/operator.ts';
import {cellOf, type PackedRow, type SourceRow} from './packed.ts';

const SET = '1';
const SET_TEXT = /^ *0*1 *$/;

export interface CompiledCondition {
  /** The index of the column in a source row. */
  readonly place: number;
  readonly is: Condition['is'];
  readonly family: Family;
  /** The values in the canonical form of the family. */
  readonly values: ReadonlySet<string>;
  /** The condition asks for a text flag that is set: 1, apart from leading zeros and surrounding spaces. */
  readonly isFlag: boolean;
  /** The value if it is a single ASCII character, as in most conditions (`1`); otherwise -1. */
  readonly byte: number;
}

/** @returns why a column does not support a condition; null if it does */
export function refusesCondition(condition: Condition, family: Family, type: string): string | null {
  if (condition.is !== 'in') return null;
  const {values} = condition;
  // A fraction becomes another number if a server prints fewer digits.
  if (family === 'json' || (family === 'float' && !values.every(value => Number.isInteger(Number(value)))))
    return `values of the type ${type} cannot be compared for equality`;
  if (family === 'binary' && values.some(value => /^-?\d+$/.test(value)))
    return `bytes may be a number or the text of one, and the type is ${type}`;
  const wrong = values.find(value => !isValueOf(family, value));
  return wrong === undefined ? null : `'${wrong}' is not a value of the type ${type}`;
}

export function compileCondition(condition: Condition, place: number, family: Family): CompiledCondition {
  const values = new Set(
    condition.is === 'in' ? condition.values.map(value => canonical(family, value)) : [],
  );
  const [only = ''] = values;
  const isByte = values.size === 1 && only.length === 1 && only.charCodeAt(0) < 128;
  const isFlag = family === 'text' && values.has(SET);
  return {place, is: condition.is, family, values, isFlag, byte: isByte ? only.charCodeAt(0) : -1};
}

export function holds(condition: CompiledCondition, row: SourceRow): boolean {
  const cell = cellOf(row, condition.place);
  switch (condition.is) {
    case 'null':
      return cell === null;
    case 'not null':
      return cell !== null;
    case 'in':
      if (cell === null) return false;
      return (
        condition.values.has(canonical(condition.family, cell)) || (condition.isFlag && SET_TEXT.test(cell))
      );
  }
}

/** Whether the bytes alone show that a condition holds; false means that the caller must ask {@link holds}. */
export function plainlyHolds({place, is, byte}: CompiledCondition, row: PackedRow): boolean {
  switch (is) {
    case 'null':
      return row.isNull(place);
    case 'not null':
      return !row.isNull(place);
    case 'in':
      return byte >= 0 && row.length(place) === 1 && row.bytes[row.start(place)] === byte;
  }
}

/** @param text the column as UTF-8 text if it is text, and as a plain number if it is a number */
export function conditionSql(condition: CompiledCondition, column: string, text: string): string {
  switch (condition.is) {
    case 'null':
      return `${column} IS NULL`;
    case 'not null':
      return `${column} IS NOT NULL`;
    case 'in': {
      const values = [...condition.values].filter(value => !condition.isFlag || value !== SET);
      if (condition.isFlag) {
        const isSet = `CAST(TRIM(LEADING '0' FROM TRIM(${text})) AS BINARY) = ${bytesLiteral(SET)}`;
        if (values.length === 0) return isSet;
        return `(${isSet} OR CAST(${text} AS BINARY) IN (${values.map(bytesLiteral).join(', ')}))`;
      }
      const [operand, list] = isNumeric(condition.family)
        ? [text, values]
        : condition.family === 'text' || condition.family === 'binary'
          ? [`CAST(${text} AS BINARY)`, values.map(bytesLiteral)]
          : [column, values.map(value => `'${value.replaceAll(/[^\d :.-]/g, '')}'`)];
      const [only = ''] = list;
      return list.length === 1 ? `${operand} = ${only}` : `${operand} IN (${list.join(', ')})`;
    }
  }
}
