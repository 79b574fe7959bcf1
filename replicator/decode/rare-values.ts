/**
 * Knows the sizes of all types, and reads the values of types that few mapped columns have. These values become
 * strings, while common ones are written straight into the row. Each is the text that a SELECT gives over our
 * connections, except that FLOAT and DOUBLE are the shortest text that reads back as the same double. Pure.
 */
import {doubleText} from '../../src/mapping/values.ts';
import {T} from './column-types.ts';
import type {ImageColumn} from './image-reader.ts';
import {jsonText} from './json.ts';
import {clockText} from './moment.ts';
import {oldDatetime, oldSize, oldTime, oldTimestamp} from './old-times.ts';

/** Returns the number of bytes of a value in an image. */
export function sizeOf({type, size, decimals, oldDigits}: ImageColumn, buffer: Buffer, at: number): number {
  const fractionBytes = (decimals + 1) >> 1;
  switch (type) {
    case T.TINY:
    case T.YEAR:
      return 1;
    case T.SHORT:
      return 2;
    case T.INT24:
    case T.DATE:
      return 3;
    case T.LONG:
    case T.FLOAT:
      return 4;
    case T.LONGLONG:
    case T.DOUBLE:
      return 8;
    case T.TIMESTAMP:
    case T.TIME:
    case T.DATETIME:
      return oldSize(type, oldDigits);
    case T.TIMESTAMP2:
      return 4 + fractionBytes;
    case T.DATETIME2:
      return 5 + fractionBytes;
    case T.TIME2:
      return 3 + fractionBytes;
    case T.ENUM:
    case T.SET:
      return size;
    case T.BIT:
      return (size + 7) >> 3;
    case T.NEWDECIMAL:
      return digitBytes(size - decimals) + digitBytes(decimals);
    case T.VARCHAR:
    case T.STRING:
    case T.VAR_STRING:
    case T.VARCHAR_COMPRESSED:
      return size > 255 ? 2 + buffer.readUInt16LE(at) : 1 + buffer.readUInt8(at);
    default:
      return size + buffer.readUIntLE(at, size);
  }
}

/** @returns null for a value that only the server can decode */
export function rareValue(
  column: ImageColumn,
  buffer: Buffer,
  at: number,
  end: number,
): string | Buffer | null {
  switch (column.type) {
    case T.FLOAT:
      return doubleText(buffer.readFloatLE(at));
    case T.DOUBLE:
      return doubleText(buffer.readDoubleLE(at));
    case T.YEAR: {
      const year = buffer.readUInt8(at);
      return year === 0 ? '0' : String(1900 + year);
    }
    case T.BIT:
      return String(BigInt(`0x${buffer.toString('hex', at, end)}`));
    case T.NEWDECIMAL:
      return decimalText(column, buffer, at);
    case T.TIME2:
      return timeText(column.decimals, buffer, at);
    case T.ENUM:
      return enumText(column, buffer.readUIntLE(at, column.size));
    case T.SET:
      return setText(column, BigInt(`0x${Buffer.from(buffer.subarray(at, end)).reverse().toString('hex')}`));
    case T.TIMESTAMP:
      return oldTimestamp(column.oldDigits, buffer, at);
    case T.DATETIME:
      return oldDatetime(column.oldDigits, buffer, at);
    case T.TIME:
      return oldTime(column.oldDigits, buffer, at);
    case T.JSON:
      return jsonText(buffer.subarray(at + column.size, end));
    default:
      return buffer.subarray(at + column.size, end);
  }
}

/** A server stores 0 for a text that is not a member. */
function enumText({memberTexts}: ImageColumn, index: number): string | Buffer | null {
  if (index === 0) return '';
  return memberTexts[index - 1] ?? null;
}

const COMMA = Buffer.from(',');
function setText({memberTexts}: ImageColumn, bits: bigint): Buffer | null {
  const texts: Buffer[] = [];
  for (let i = 0; bits >> BigInt(i) > 0n; i++) {
    if (((bits >> BigInt(i)) & 1n) === 0n) continue;
    const text = memberTexts[i] ?? null;
    if (text === null) return null;
    if (texts.length > 0) texts.push(COMMA);
    texts.push(text);
  }
  return Buffer.concat(texts);
}

const REST_BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
/** Nine digits take four bytes; the remaining digits take as few bytes as they need. */
function digitBytes(digits: number): number {
  return Math.floor(digits / 9) * 4 + (REST_BYTES[digits % 9] ?? 0);
}

/**
 * The integer part begins with the remaining digits, the fraction ends with them. For a negative number, all bits
 * are inverted.
 */
function decimalText(
  {size, decimals}: {size: number; decimals: number},
  buffer: Buffer,
  from: number,
): string {
  const length = digitBytes(size - decimals) + digitBytes(decimals);
  const bytes = Buffer.from(buffer.subarray(from, from + length));
  const isNegative = ((bytes[0] ?? 0) & 0x80) === 0;
  bytes[0] = (bytes[0] ?? 0) ^ 0x80;
  if (isNegative) for (let i = 0; i < length; i++) bytes[i] = (bytes[i] ?? 0) ^ 0xff;
  let at = 0;
  const take = (digits: number): string => {
    const width = REST_BYTES[digits] ?? 0;
    if (width === 0) return '';
    const value = bytes.readUIntBE(at, width);
    at += width;
    return String(value).padStart(digits, '0');
  };
  const whole = size - decimals;
  let text = take(whole % 9);
  for (let i = 0; i < Math.floor(whole / 9); i++) text += take(9);
  text = text.replace(/^0+(?=.)/, '') || '0';
  if (decimals > 0) {
    text += '.';
    for (let i = 0; i < Math.floor(decimals / 9); i++) text += take(9);
    text += take(decimals % 9);
  }
  return isNegative ? `-${text}` : text;
}

/**
 * Ten bits of hours, six of minutes, six of seconds and the fractional digits, as one number that is negative for
 * a negative time.
 */
function timeText(decimals: number, buffer: Buffer, at: number): string {
  const bytes = (decimals + 1) >> 1;
  const unit = 2 ** (8 * bytes);
  const packed = buffer.readUIntBE(at, 3 + bytes) - 0x800000 * unit;
  const size = Math.abs(packed);
  const clock = Math.floor(size / unit);
  const stored = size % unit;
  return clockText(
    packed < 0,
    ((clock >> 12) & 1023) * 3600 + ((clock >> 6) & 63) * 60 + (clock & 63),
    decimals % 2 === 0 ? stored : Math.floor(stored / 10),
    decimals,
  );
}
