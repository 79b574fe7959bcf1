/**
 * Values on their way from source to target: text or null, end to end, so that no number is rounded and
 * no date is shifted. A row is an array in the order of its plan's columns.
 */
export type Value = string | null;
export type Row = readonly Value[];

/** A number of the range and precision that 64-bit ids need. */
const ID = /^-?\d{1,20}$/;
export function isId(value: Value | undefined): value is string {
  return typeof value === 'string' && ID.test(value);
}

/** Orders ids by their numeric value. */
export function compareIds(a: string, b: string): number {
  const left = BigInt(a);
  const right = BigInt(b);
  return left < right ? -1 : left > right ? 1 : 0;
}

/**
 * What a driver gives for a column, as text or null. Numbers come as JavaScript numbers only where they
 * are exact (zongji and mysql2 give strings beyond 2^53), ENUM's invalid member comes as undefined.
 */
export function toValue(raw: unknown): Value {
  if (typeof raw === 'string') return raw;
  if (raw === null) return null;
  if (typeof raw === 'number' || typeof raw === 'bigint' || typeof raw === 'boolean')
    return String(Number(raw) === raw || typeof raw === 'bigint' ? raw : Number(raw));
  if (raw === undefined) return '';
  if (Buffer.isBuffer(raw)) return raw.toString('utf8');
  return String(raw);
}

/** A driver's row as ours, in its own array, which is the caller's no more: a copy would cost as much as the reading. */
export function toRow(cells: unknown[]): Row {
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i];
    if (typeof cell !== 'string' && cell !== null) cells[i] = toValue(cell);
  }
  return cells as Value[];
}
