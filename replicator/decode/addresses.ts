/**
 * MariaDB's UUID, INET4 and INET6: the log has their bytes, and calls them BINARY. Only the table itself says what
 * they are. They are printed as the server prints them. Pure.
 */
import type {Decode} from './charsets.ts';

/** The length in bytes of a value of each type; the log leaves out the zeros at the end. */
const LENGTHS: ReadonlyMap<string, number> = new Map([
  ['uuid', 16],
  ['inet6', 16],
  ['inet4', 4],
]);

const PRINTED: Readonly<Record<string, (bytes: Buffer) => string>> = {uuid, inet4, inet6};

/**
 * Returns the decoder of a column of one of these types; undefined for every other type.
 *
 * @param type of the table's column, in lower case
 * @param size the length in bytes that the log names
 */
export function addressDecoder(type: string | undefined, size: number): Decode | undefined {
  const print = type === undefined ? undefined : PRINTED[type];
  if (print === undefined || LENGTHS.get(type ?? '') !== size) return undefined;
  return bytes => {
    const whole = Buffer.alloc(size);
    bytes.copy(whole);
    return Buffer.from(print(whole));
  };
}

function uuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function inet4(bytes: Buffer): string {
  return bytes.join('.');
}

/** The longest run of zero words, the first of several, is written as `::`; IPv4 within IPv6 with points. */
function inet6(bytes: Buffer): string {
  const words = Array.from({length: 8}, (_, i) => bytes.readUInt16BE(i * 2));
  let gap = {from: -1, length: 0};
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (words[to] === 0) to++;
    if (to - from > gap.length) gap = {from, length: to - from};
  }
  const hex = (from: number, to: number) =>
    words
      .slice(from, to)
      .map(word => word.toString(16))
      .join(':');
  if (gap.from === 0 && (gap.length === 6 || (gap.length === 5 && words[5] === 0xffff)))
    return `::${gap.length === 5 ? 'ffff:' : ''}${inet4(bytes.subarray(12))}`;
  return gap.length === 0 ? hex(0, 8) : `${hex(0, gap.from)}::${hex(gap.from + gap.length, 8)}`;
}
