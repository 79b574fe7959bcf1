/**
 * Prints MySQL's binary JSON as the server prints it. Pure.
 *
 * Layout: MySQL's sql-common/json_binary.h; print: Json_wrapper::to_string in sql-common/json_dom.cc.
 */

const K = {
  SMALL_OBJECT: 0,
  LARGE_OBJECT: 1,
  SMALL_ARRAY: 2,
  LARGE_ARRAY: 3,
  LITERAL: 4,
  INT16: 5,
  UINT16: 6,
  INT32: 7,
  UINT32: 8,
  INT64: 9,
  UINT64: 10,
  DOUBLE: 11,
  STRING: 12,
} as const;
const LITERALS = ['null', 'true', 'false'];

/** @returns null for values that only the server can print: other types (decimals, times) and extreme numbers */
export function jsonText(bytes: Buffer): string | null {
  // An old table may hold an empty value.
  if (bytes.length === 0) return 'null';
  return value(bytes[0] ?? 0, bytes, 1);
}

function value(kind: number, bytes: Buffer, at: number): string | null {
  switch (kind) {
    case K.SMALL_OBJECT:
    case K.LARGE_OBJECT:
      return container(bytes, at, true, kind === K.LARGE_OBJECT);
    case K.SMALL_ARRAY:
    case K.LARGE_ARRAY:
      return container(bytes, at, false, kind === K.LARGE_ARRAY);
    case K.LITERAL:
      return LITERALS[bytes.readUInt8(at)] ?? null;
    case K.INT16:
      return String(bytes.readInt16LE(at));
    case K.UINT16:
      return String(bytes.readUInt16LE(at));
    case K.INT32:
      return String(bytes.readInt32LE(at));
    case K.UINT32:
      return String(bytes.readUInt32LE(at));
    case K.INT64:
      return String(bytes.readBigInt64LE(at));
    case K.UINT64:
      return String(bytes.readBigUInt64LE(at));
    case K.DOUBLE:
      return double(bytes.readDoubleLE(at));
    case K.STRING: {
      const {length, next} = lengthAt(bytes, at);
      return quoted(bytes.toString('utf8', next, next + length));
    }
    default:
      return null;
  }
}

/** Seven bits per byte, the lowest first; the highest bit says that another byte follows. */
function lengthAt(bytes: Buffer, at: number): {length: number; next: number} {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes.readUInt8(at + i);
    length += (byte & 127) * 2 ** (7 * i);
    if (byte < 128) return {length, next: at + i + 1};
  }
  throw new RangeError('a length in a JSON value has no end');
}

/**
 * A count, a size, the offsets of the keys, then a type and an offset for each value; small values are stored
 * inline.
 */
function container(bytes: Buffer, start: number, isObject: boolean, isLarge: boolean): string | null {
  const width = isLarge ? 4 : 2;
  const count = bytes.readUIntLE(start, width);
  const keys = start + 2 * width;
  const values = keys + (isObject ? count * (width + 2) : 0);
  const texts: string[] = [];
  for (let i = 0; i < count; i++) {
    const entry = values + i * (1 + width);
    const kind = bytes.readUInt8(entry);
    const isInlined =
      kind === K.LITERAL ||
      kind === K.INT16 ||
      kind === K.UINT16 ||
      (isLarge && (kind === K.INT32 || kind === K.UINT32));
    const text = value(kind, bytes, isInlined ? entry + 1 : start + bytes.readUIntLE(entry + 1, width));
    if (text === null) return null;
    if (!isObject) {
      texts.push(text);
      continue;
    }
    const key = keys + i * (width + 2);
    const from = start + bytes.readUIntLE(key, width);
    texts.push(`${quoted(bytes.toString('utf8', from, from + bytes.readUInt16LE(key + width)))}: ${text}`);
  }
  return isObject ? `{${texts.join(', ')}}` : `[${texts.join(', ')}]`;
}

const SHORT: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};
// oxlint-disable-next-line no-control-regex -- the server escapes control characters
const SPECIAL = /["\\\u0000-\u001f]/g;
function quoted(text: string): string {
  return `"${text.replace(SPECIAL, char => SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
}

/**
 * The shortest digits, with a decimal point if they would otherwise read as an integer; null if the server may
 * use an exponent.
 */
function double(number: number): string | null {
  if (number === 0) return Object.is(number, -0) ? '-0.0' : '0.0';
  const size = Math.abs(number);
  if (size < 1e-4 || size >= 1e15) return null;
  return Number.isInteger(number) ? `${number}.0` : String(number);
}
