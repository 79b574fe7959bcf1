/** Dates as text, as a SELECT would give them. Pure but for one buffer that is used over and over. */

const PAIRS = Array.from({length: 100}, (_, i) => String(i).padStart(2, '0'));
export function pad2(value: number): string {
  return PAIRS[value] ?? String(value);
}
export function pad4(value: number): string {
  return String(value).padStart(4, '0');
}

/**
 * Dates are put together here and become one flat string: added up from parts, each would drag its parts
 * along for as long as the row waits.
 */
const MOMENT = Buffer.from('0000-00-00 00:00:00.000000', 'latin1');
function writePair(at: number, value: number): void {
  MOMENT[at] = 48 + Math.floor(value / 10);
  MOMENT[at + 1] = 48 + (value % 10);
}
export function writeDate(year: number, month: number, day: number): void {
  writePair(0, Math.floor(year / 100));
  writePair(2, year % 100);
  writePair(5, month);
  writePair(8, day);
}
export function writeTime(hour: number, minute: number, second: number, fraction: string): string {
  writePair(11, hour);
  writePair(14, minute);
  writePair(17, second);
  if (fraction === '') return MOMENT.toString('latin1', 0, 19);
  MOMENT.write(fraction, 19, 'latin1');
  return MOMENT.toString('latin1', 0, 19 + fraction.length);
}

const DAYS = new Map<number, string>();
const MAX_DAYS = 1000;
/** The date of a day since 1970: rows share few of them. */
function dayOf(day: number): string {
  let text = DAYS.get(day);
  if (text === undefined) {
    text = new Date(day * 86_400_000).toISOString().slice(0, 10);
    if (DAYS.size >= MAX_DAYS) DAYS.clear();
    DAYS.set(day, text);
  }
  return text;
}

export function writeDay(daysSince1970: number): void {
  MOMENT.write(dayOf(daysSince1970), 0, 'latin1');
}
