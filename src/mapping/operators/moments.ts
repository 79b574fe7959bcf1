/** Dates and times of day in the form of a column: fractional seconds and zero dates. Pure. */
import type {Value} from '../values.ts';
import type {Shape} from './operator.ts';

const ZERO = 48;
const EPOCH = /^1970-01-01 00:00:00(?:\.0*)?$/;

/** The text of zero fractional seconds, by their number of digits. */
const NO_DIGITS = ['', '.0', '.00', '.000', '.0000', '.00000', '.000000'];

/** Whether the year, the month or the day of a date is zero; such a date counts as no value. */
export function isDate(value: Value): value is string {
  return (
    value !== null && !value.startsWith('0000') && !value.startsWith('00', 5) && !value.startsWith('00', 8)
  );
}

/** The same for the bytes of a date that begins at `at`. */
export function isDateAt(bytes: Buffer, at: number): boolean {
  return (
    (isNonZero(bytes, at) || isNonZero(bytes, at + 2)) && isNonZero(bytes, at + 5) && isNonZero(bytes, at + 8)
  );
}

function isNonZero(bytes: Buffer, at: number): boolean {
  return bytes[at] !== ZERO || bytes[at + 1] !== ZERO;
}

/** The same as a condition in SQL. A TIMESTAMP is zero as a whole or not at all, which costs the server less to find. */
export function isDateCondition(expression: string, type?: string): string {
  if (type === 'timestamp') return `${expression} <> 0`;
  return `(DAYOFMONTH(${expression}) > 0 AND MONTH(${expression}) > 0 AND YEAR(${expression}) > 0)`;
}

/** A moment of the mapping. TIMESTAMP cannot hold the first second of 1970, which becomes the second after it. */
export function givenMoment(text: string, {column}: Shape): string {
  const moment = text.length === 10 ? `${text} 00:00:00` : text;
  return column.type === 'timestamp' && EPOCH.test(moment) ? '1970-01-01 00:00:01' : moment;
}

/** Whether the source holds more fractional digits of a second than the target. */
export function rounds({column, inputs}: Shape): boolean {
  return Math.max(0, ...inputs.map(({schema}) => schema.fraction)) > column.fraction;
}

/**
 * A moment with exactly `fraction` fractional digits of a second, rounded half up.
 *
 * @param text `YYYY-MM-DD[ HH:MM:SS[.ffffff]]`
 */
export function roundMoment(text: string, fraction: number): string {
  // Most moments have this form.
  if (text.length === 19) return fraction === 0 ? text : text + (NO_DIGITS[fraction] ?? '');
  const moment = text.length === 10 ? `${text} 00:00:00` : text;
  const whole = moment.slice(0, 19);
  const digits = moment.slice(20);
  if (digits.length <= fraction) {
    return fraction === 0 ? whole : `${whole}.${digits.padEnd(fraction, '0')}`;
  }
  const kept = digits.slice(0, fraction);
  if (digits.charCodeAt(fraction) < 53) return fraction === 0 ? whole : `${whole}.${kept}`;
  // The server refuses a date that does not exist in the calendar.
  if (!isReal(whole)) return fraction === 0 ? whole : `${whole}.${kept}`;
  const next = (fraction === 0 ? 0 : Number(kept)) + 1;
  if (fraction > 0 && next < 10 ** fraction) return `${whole}.${String(next).padStart(fraction, '0')}`;
  const carried = nextSecond(whole);
  return fraction === 0 ? carried : `${carried}.${'0'.repeat(fraction)}`;
}

function isReal(whole: string): boolean {
  const [month, day] = [Number(whole.slice(5, 7)), Number(whole.slice(8, 10))];
  if (!isDate(whole)) return false;
  if (day <= 28) return true;
  if (month === 2) return day === 29 && isLeap(Number(whole.slice(0, 4)));
  return new Date(Date.UTC(2000, month - 1, day)).getUTCDate() === day;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function nextSecond(whole: string): string {
  const date = new Date(0);
  date.setUTCFullYear(Number(whole.slice(0, 4)), Number(whole.slice(5, 7)) - 1, Number(whole.slice(8, 10)));
  date.setUTCHours(
    Number(whole.slice(11, 13)),
    Number(whole.slice(14, 16)),
    Number(whole.slice(17, 19)) + 1,
    0,
  );
  // toISOString writes years past 9999 with a sign; such a date fits no column, and the server refuses it.
  return date.toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * A moment of a source column as both servers round it, of any type that a comparison casts to the column's.
 *
 * @param isDate whether it is certainly a date: a sum with a date that has a zero part is null
 */
export function momentSql(expression: string, shape: Shape, isDate: boolean): string {
  if (shape.column.type === 'date' || !rounds(shape)) return expression;
  const {fraction} = shape.column;
  // MySQL's CAST rounds and MariaDB's truncates: adding half a unit and cutting the text is the same on both.
  const half = 5 * 10 ** (5 - fraction);
  const sum = `${expression} + INTERVAL ${half} MICROSECOND`;
  const raised = isDate ? sum : `IF(${isDateCondition(expression)}, ${sum}, ${expression})`;
  const text = `DATE_FORMAT(${raised}, '%Y-%m-%d %H:%i:%s.%f')`;
  return `LEFT(${text}, ${fraction === 0 ? 19 : 20 + fraction})`;
}
