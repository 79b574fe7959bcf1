/** Writes dates and times into a buffer, as the text that a SELECT would give. Pure. */

/** `YYYY-MM-DD` */
export const DATE_LENGTH = 10;
/** With six fractional digits. */
export const MOMENT_LENGTH = 26;

const ZERO = 48;
const DASH = 45;
const COLON = 58;
const DOT = 46;
const SPACE = 32;
const ZERO_DATE = Buffer.from('0000-00-00', 'latin1');

export function writeDate(bytes: Buffer, at: number, year: number, month: number, day: number): void {
  writePair(bytes, at, Math.floor(year / 100));
  writePair(bytes, at + 2, year % 100);
  bytes[at + 4] = DASH;
  writePair(bytes, at + 5, month);
  bytes[at + 7] = DASH;
  writePair(bytes, at + 8, day);
}

/**
 * A DATETIME.
 *
 * @param packed the value in the log, without its fractional digits
 * @returns the offset at which the text ends
 */
export function writePackedMoment(bytes: Buffer, at: number, packed: number): number {
  const time = packed % 131072;
  const days = Math.floor(packed / 131072);
  const yearMonth = Math.floor(days / 32);
  writeDate(bytes, at, Math.floor(yearMonth / 13), yearMonth % 13, days % 32);
  return writeTime(bytes, at + DATE_LENGTH, time >> 12, (time >> 6) & 63, time & 63);
}

/**
 * A TIMESTAMP, in UTC.
 *
 * @param seconds since 1970
 * @param isZero it is the zero date, without seconds and fractional digits
 * @returns the offset at which the text ends
 */
export function writeUnixTime(bytes: Buffer, at: number, seconds: number, isZero: boolean): number {
  const inDay = seconds % 86400;
  const date = isZero ? ZERO_DATE : dayOf((seconds - inDay) / 86400);
  for (let i = 0; i < DATE_LENGTH; i++) bytes[at + i] = date[i] ?? ZERO;
  return writeTime(
    bytes,
    at + DATE_LENGTH,
    Math.floor(inDay / 3600),
    Math.floor(inDay / 60) % 60,
    inDay % 60,
  );
}

/** @returns the offset at which the text ends */
export function writeFraction(bytes: Buffer, at: number, value: number, digits: number): number {
  bytes[at] = DOT;
  let rest = value;
  for (let i = digits; i > 0; i--) {
    bytes[at + i] = ZERO + (rest % 10);
    rest = Math.floor(rest / 10);
  }
  return at + 1 + digits;
}

function writeTime(bytes: Buffer, at: number, hour: number, minute: number, second: number): number {
  bytes[at] = SPACE;
  writePair(bytes, at + 1, hour);
  bytes[at + 3] = COLON;
  writePair(bytes, at + 4, minute);
  bytes[at + 6] = COLON;
  writePair(bytes, at + 7, second);
  return at + 9;
}

function writePair(bytes: Buffer, at: number, value: number): void {
  bytes[at] = ZERO + Math.floor(value / 10);
  bytes[at + 1] = ZERO + (value % 10);
}

const DAYS = new Map<number, Buffer>();
const MAX_DAYS = 1000;
/** Caches the date of a day since 1970, because rows share few dates. */
function dayOf(day: number): Buffer {
  let text = DAYS.get(day);
  if (text === undefined) {
    text = Buffer.from(new Date(day * 86_400_000).toISOString().slice(0, DATE_LENGTH), 'latin1');
    if (DAYS.size >= MAX_DAYS) DAYS.clear();
    DAYS.set(day, text);
  }
  return text;
}

const pair = (value: number): string => String(value).padStart(2, '0');

/** A sign, at least two digits of hours, and the fractional digits. */
export function clockText(isNegative: boolean, seconds: number, fraction: number, decimals: number): string {
  const digits = decimals === 0 ? '' : `.${String(fraction).padStart(decimals, '0')}`;
  const hours = Math.floor(seconds / 3600);
  return `${isNegative ? '-' : ''}${pair(hours)}:${pair(Math.floor(seconds / 60) % 60)}:${pair(seconds % 60)}${digits}`;
}
