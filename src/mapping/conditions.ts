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
  /** Where the column stands in a source row. */
  readonly place: number;
  readonly is: Condition['is'];
  readonly family: Family;
  /** In the one form of the family. */
  readonly values: ReadonlySet<string>;
  /** A text is to be a flag that is set: it reads 1, zeros and spaces around it left out. */
  readonly isFlag: boolean;
  /** The only value where it is one ASCII character, else -1: most conditions ask for 1. */
  readonly byte: number;
}

/** @returns why a condition cannot be asked of a column; null where it can */
export function refusesCondition(condition: Condition, family: Family, type: string): string | null {
  if (condition.is !== 'in') return null;
  const {values} = condition;
  // A fraction is another number with fewer digits.
  if (family === 'json' || (family === 'float' && !values.every(value => Number.isInteger(Number(value)))))
    return `values of the type ${type} cannot be compared for equality`;
  if (family === 'binary' && values.some(value => /^-?\d+$/.test(value)))
    return `bytes may be a number or the text of one, and the type is ${type}`;
  const wrong = values.find(value => !isValueOf(family, value));
  return wrong === undefined ? null : `'${wrong}' is no value of the type ${type}`;
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

/** Whether a condition surely holds, where the bytes tell at once; false says that {@link holds} is to be asked. */
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

/** @param text the column as UTF-8 text where it is text, and as a plain number where it is one */
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
