/** Dates and times of day in the form of a column: digits of a second, zero dates. Pure. */
import type {Value} from '../values.ts';
import type {Shape} from './operator.ts';

/** Whole seconds, by the digits of a second that are written with them. */
const NO_DIGITS = ['', '.0', '.00', '.000', '.0000', '.00000', '.000000'];

/** A zero date counts as none. */
export function isDate(value: Value): value is string {
  return value !== null && !value.startsWith('0000-00-00');
}

/** Whether the source holds more digits of a second than the target. */
export function rounds({column, inputs}: Shape): boolean {
  return Math.max(0, ...inputs.map(({schema}) => schema.fraction)) > column.fraction;
}

/**
 * A moment with exactly `fraction` digits of a second, rounded half up.
 *
 * @param text `YYYY-MM-DD[ HH:MM:SS[.ffffff]]`
 */
export function roundMoment(text: string, fraction: number): string {
  // As most are.
  if (text.length === 19) return fraction === 0 ? text : text + (NO_DIGITS[fraction] ?? '');
  const moment = text.length === 10 ? `${text} 00:00:00` : text;
  const whole = moment.slice(0, 19);
  const digits = moment.slice(20);
  if (digits.length <= fraction) {
    return fraction === 0 ? whole : `${whole}.${digits.padEnd(fraction, '0')}`;
  }
  const kept = digits.slice(0, fraction);
  if (digits.charCodeAt(fraction) < 53) return fraction === 0 ? whole : `${whole}.${kept}`;
  const next = (fraction === 0 ? 0 : Number(kept)) + 1;
  if (fraction > 0 && next < 10 ** fraction) return `${whole}.${String(next).padStart(fraction, '0')}`;
  const carried = nextSecond(whole);
  return fraction === 0 ? carried : `${carried}.${'0'.repeat(fraction)}`;
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
  // toISOString writes years past 9999 with a sign; such a date fits no column and is left to the server.
  return date.toISOString().slice(0, 19).replace('T', ' ');
}

/** A moment of a source column as both servers round it. */
export function momentSql(expression: string, shape: Shape): string {
  if (shape.column.type === 'date') return `CAST(${expression} AS DATE)`;
  if (!rounds(shape)) return `CAST(${expression} AS DATETIME(6))`;
  const {fraction} = shape.column;
  // MySQL's CAST rounds and MariaDB's cuts: add half a unit and cut the text, the same on both.
  const half = 5 * 10 ** (5 - fraction);
  const text = `DATE_FORMAT(${expression} + INTERVAL ${half} MICROSECOND, '%Y-%m-%d %H:%i:%s.%f')`;
  return `CAST(LEFT(${text}, ${fraction === 0 ? 19 : 20 + fraction}) AS DATETIME(6))`;
}
