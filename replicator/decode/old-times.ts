/**
 * Reads temporal columns that were last rebuilt before MariaDB 10.1, or under `mysql56_temporal_format = OFF`:
 * without fractional digits in MySQL's first format, with them in the format of MariaDB 5.3. Pure.
 *
 * Source: MariaDB's sql/field.cc, Field_timestamp_hires, Field_time_hires and Field_datetime_hires.
 */
import {T} from './column-types.ts';
import {clockText, DATE_LENGTH, MOMENT_LENGTH, writeUnixTime} from './moment.ts';

const SIZES: ReadonlyMap<number, readonly number[]> = new Map([
  [T.TIMESTAMP, [4, 5, 5, 6, 6, 7, 7]],
  [T.TIME, [3, 4, 4, 5, 5, 5, 6]],
  [T.DATETIME, [8, 6, 6, 7, 7, 7, 8]],
]);

/** @param digits fractional digits of a second; 0 is MySQL's first format */
export function oldSize(type: number, digits: number): number {
  return SIZES.get(type)?.[digits] ?? 0;
}

const fraction = (value: number | bigint, digits: number): string =>
  digits === 0 ? '' : `.${String(value).padStart(digits, '0')}`;

export function oldTimestamp(digits: number, buffer: Buffer, at: number): string {
  const text = Buffer.alloc(MOMENT_LENGTH);
  const seconds = digits === 0 ? buffer.readUInt32LE(at) : buffer.readUInt32BE(at);
  const rest = digits === 0 ? 0 : buffer.readUIntBE(at + 4, oldSize(T.TIMESTAMP, digits) - 4);
  const end = writeUnixTime(text, 0, seconds, seconds === 0 && rest === 0);
  return text.toString('latin1', 0, end) + fraction(rest, digits);
}

/** Without fractional digits: the decimal number YYYYMMDDhhmmss. With them: one number of mixed bases. */
export function oldDatetime(digits: number, buffer: Buffer, at: number): string {
  if (digits === 0) {
    const text = String(buffer.readBigUInt64LE(at)).padStart(14, '0');
    return text.replace(/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1-$2-$3 $4:$5:$6');
  }
  const size = oldSize(T.DATETIME, digits);
  let rest = BigInt(`0x${buffer.toString('hex', at, at + size)}`);
  const take = (base: bigint): bigint => {
    const part = rest % base;
    rest /= base;
    return part;
  };
  const part = take(10n ** BigInt(digits));
  const [second, minute, hour, day, month] = [take(60n), take(60n), take(24n), take(32n), take(13n)];
  const two = (value: bigint) => String(value).padStart(2, '0');
  const date = `${String(rest).padStart(4, '0')}-${two(month)}-${two(day)}`.slice(0, DATE_LENGTH);
  return `${date} ${two(hour)}:${two(minute)}:${two(second)}${fraction(part, digits)}`;
}

/** MariaDB 5.3 stores this time as 0; the earliest time is below it. */
const ZERO_POINT = 3020400;

export function oldTime(digits: number, buffer: Buffer, at: number): string {
  if (digits === 0) {
    // The value is the decimal number hhmmss, with a sign.
    const number = buffer.readIntLE(at, 3);
    const size = Math.abs(number);
    const seconds = Math.floor(size / 10_000) * 3600 + (Math.floor(size / 100) % 100) * 60 + (size % 100);
    return clockText(number < 0, seconds, 0, 0);
  }
  const scale = 10 ** digits;
  const units = buffer.readUIntBE(at, oldSize(T.TIME, digits)) - ZERO_POINT * scale;
  const size = Math.abs(units);
  return clockText(units < 0, Math.floor(size / scale), size % scale, digits);
}
